import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, test } from 'vitest';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { NotSendable } from '../../../src/main/engine/dispatch/not-sendable.ts';
import { prepareAttempt } from '../../../src/main/engine/dispatch/request.ts';
import type {
  DeveloperAuthentication,
  LabIntegration,
} from '../../../src/shared/model/configuration.ts';
import type { ClaimedTask } from '../../../src/shared/model/delivery.ts';
import { HTTP_METHODS } from '../../../src/shared/model/vocabulary.ts';
import { authenticationOf, MemoryLookup, ruleOf, taskOf } from './lookup.ts';
import { ScriptedTransport } from './scripted-transport.ts';

const SIGNING_SECRET = `whsec_${randomBytes(32).toString('base64')}`;

let lookup: MemoryLookup;
beforeEach(() => {
  lookup = new MemoryLookup(ruleOf());
});

/** The attempt that a rule with these settings makes of a task. */
function prepare(rule: Partial<LabIntegration> = {}, task: Partial<ClaimedTask> = {}, now = 1_000) {
  lookup.rules.set(1, ruleOf(rule));
  const prepared = prepareAttempt(taskOf(task), lookup, credentials(), now);
  if (prepared instanceof Promise) throw new Error('it waits for a token');
  return prepared;
}

/** Credentials that nobody has to be asked for. */
function credentials() {
  const transport = new ScriptedTransport();
  return new CredentialSource({ configuration: lookup, transport, clock: Date.now });
}

/** Gives the rule's authentication 5 these keys. */
function authenticate(more: Partial<DeveloperAuthentication>, secrets: Record<string, string>) {
  lookup.authentications.set(5, authenticationOf(more));
  lookup.secrets = secrets;
}

/** The message of a refusal. */
function refusal(rule: Partial<LabIntegration>, task: Partial<ClaimedTask> = {}): string {
  try {
    prepare(rule, task);
  } catch (error) {
    expect(error).toBeInstanceOf(NotSendable);
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

describe('what leaves', () => {
  test('is the revision’s body under the log’s key, and nothing of the engine’s own', () => {
    const { request, storedHeaders } = prepare();
    const { logId, body } = taskOf();
    expect(request).toEqual({
      method: 'POST',
      url: 'http://127.0.0.1:9/bills',
      headers: {
        'user-agent': 'LabRelay',
        'content-type': 'application/json',
        'webhook-id': logId,
      },
      body,
    });
    expect(storedHeaders).toEqual(request.headers);
    expect(JSON.stringify(request)).not.toMatch(/integration_callback|attempt|7420/);
  });

  test('has a key of its own for every later revision', () => {
    const { logId } = taskOf();
    expect(prepare({}, { revision: 2 }).request.headers['webhook-id']).toBe(`${logId}_r2`);
  });

  test.each(HTTP_METHODS.filter((method) => method !== 'GET'))('%s carries its body', (method) => {
    expect(prepare({ method }).request).toMatchObject({ method, body: taskOf().body });
  });

  test('GET carries the body’s scalar fields in the query, beside what stands there', () => {
    const body = '{"bill_id":"17 &","total":12.5,"paid":true,"note":null}';
    const { request } = prepare(
      { method: 'GET', endPoint: 'http://127.0.0.1:9/bills?site=north&total=0' },
      { body },
    );
    expect(request.body).toBeNull();
    expect(request.headers['content-type']).toBeUndefined();
    expect(Object.fromEntries(new URL(request.url).searchParams)).toEqual({
      site: 'north',
      bill_id: '17 &',
      total: '12.5',
      paid: 'true',
    });
  });

  test('goes by the rule’s limits', () => {
    expect(prepare().limits).toEqual({ connectTimeoutMs: 5_000, timeoutMs: 30_000, tls: null });
    const tls = { ca: 'PEM', server_name: 'partner.example' };
    const integrationExtraDetails = { connect_timeout_ms: 700, tls };
    expect(prepare({ timeoutMs: 1_500, integrationExtraDetails }).limits).toEqual({
      connectTimeoutMs: 700,
      timeoutMs: 1_500,
      tls: { ca: 'PEM', serverName: 'partner.example' },
    });
  });
});

describe('headers', () => {
  test('of the rule win over ours, in lower case; the credential wins over the rule’s', () => {
    authenticate({ kind: 'bearer' }, { token: 'tok-123' });
    const headers = {
      'User-Agent': 'Lab North',
      'Content-Type': 'application/fhir+json',
      'X-Lab': '7',
      Authorization: 'Basic forged',
      'Webhook-Id': 'forged',
    };
    const { request } = prepare({ headers, developerAuthenticationId: 5 });
    expect(request.headers).toEqual({
      'user-agent': 'Lab North',
      'content-type': 'application/fhir+json',
      'x-lab': '7',
      authorization: 'Bearer tok-123',
      'webhook-id': taskOf().logId,
    });
  });

  test.each([
    ['basic', { username: 'läb' }, { password: 'p:ß' }, 'authorization', /^Basic /, 'Basic ••••'],
    ['bearer', {}, { token: 'tok-123' }, 'authorization', /^Bearer tok-123$/, 'Bearer ••••'],
    ['api_key', { header: 'X-Lab-Pass' }, { value: 'k-123' }, 'x-lab-pass', /^k-123$/, '••••'],
    ['api_key', {}, { value: 'k-123' }, 'x-api-key', /^k-123$/, '••••'],
  ] as const)('of kind %s prove who calls, and are stored masked', (...row) => {
    const [kind, publicKeys, secrets, name, sent, stored] = row;
    authenticate({ kind, publicKeys }, secrets);
    const { request, storedHeaders } = prepare({ developerAuthenticationId: 5 });
    expect(request.headers[name]).toMatch(sent);
    expect(storedHeaders[name]).toBe(stored);
    for (const secret of Object.values(secrets)) {
      expect(JSON.stringify(storedHeaders)).not.toContain(secret);
    }
  });

  test('of basic authentication are user and password in UTF-8 (RFC 7617)', () => {
    authenticate({ kind: 'basic', publicKeys: { username: 'läb' } }, { password: 'p:ß' });
    const { request } = prepare({ developerAuthenticationId: 5 });
    const pair = request.headers['authorization']?.slice('Basic '.length) ?? '';
    expect(Buffer.from(pair, 'base64').toString()).toBe('läb:p:ß');
  });

  test('that look like credentials are masked wherever they come from', () => {
    const headers = { 'x-partner-token': 't', 'x-client-secret': 's', 'x-lab': '7', Cookie: 'c' };
    expect(prepare({ headers }).storedHeaders).toMatchObject({
      'x-partner-token': '••••',
      'x-client-secret': '••••',
      'x-lab': '7',
      cookie: '••••',
    });
  });

  test('sign the message where the rule says so; the signature stays for the partner’s support', () => {
    authenticate({}, { signing_secret: SIGNING_SECRET });
    const { request, storedHeaders } = prepare(
      { signing: true, developerAuthenticationId: 5 },
      {},
      Date.now(),
    );
    const webhook = new Webhook(SIGNING_SECRET);
    expect(webhook.verify(request.body ?? '', request.headers)).toEqual(JSON.parse(taskOf().body));
    expect(storedHeaders['webhook-signature']).toBe(request.headers['webhook-signature']);
    expect(JSON.stringify(storedHeaders)).not.toContain(SIGNING_SECRET.slice(6));
  });

  test('of a signed GET cover the empty body that it has', () => {
    authenticate({}, { signing_secret: SIGNING_SECRET });
    const rule = { signing: true, method: 'GET', developerAuthenticationId: 5 } as const;
    const { headers } = prepare(rule, { body: '{"id":17}' }, Date.now()).request;
    expect(() => new Webhook(SIGNING_SECRET).verify('', headers)).not.toThrow();
    expect(() => new Webhook(SIGNING_SECRET).verify('{}', headers)).toThrow(/signature/);
  });
});

describe('nothing can be sent', () => {
  const used = { developerAuthenticationId: 5 };

  test('by a rule that is gone', () => {
    expect(refusal({}, { labIntegrationId: 2 })).toMatch(/rule .* no longer exists/);
  });

  test('with an authentication that is gone, rather than without credentials', () => {
    expect(refusal(used)).toMatch(/developer authentication .* no longer exists/);
  });

  test('with an authentication that is switched off', () => {
    authenticate({ kind: 'bearer', isActive: false }, { token: 's3cret' });
    expect(refusal(used)).toMatch(/"Partner" is switched off/);
  });

  test('with secrets that the key file does not open', () => {
    lookup.authentications.set(5, authenticationOf({ kind: 'bearer' }));
    lookup.secrets = new Error('cannot open s3cret');
    const message = refusal(used);
    expect(message).toMatch(/cannot be opened with the present key file/);
    expect(message).not.toContain('s3cret');
  });

  test.each([
    ['basic', 'password'],
    ['bearer', 'token'],
    ['api_key', 'value'],
  ] as const)('with a %s authentication that has no %s', (kind, secret) => {
    authenticate({ kind, publicKeys: { username: 'lab' } }, {});
    expect(refusal(used)).toMatch(new RegExp(`"Partner" has no ${secret}`));
  });

  test('signed, where there is no secret to sign with', () => {
    authenticate({ kind: 'bearer' }, { token: 't' });
    expect(refusal({ ...used, signing: true })).toMatch(/no signing_secret/);
    expect(refusal({ developerAuthenticationId: null, signing: true })).toMatch(
      /no signing_secret/,
    );
  });

  test('with a client certificate over plain http, where nobody would see it', () => {
    authenticate({ kind: 'mtls', publicKeys: { certificate: 'PEM' } }, { private_key: 'PEM' });
    expect(refusal(used)).toMatch(/shows a certificate, which needs TLS.*https/);
    const https = { ...used, endPoint: 'https://127.0.0.1:9/bills' };
    expect(prepare(https).limits.clientCertificate).toMatchObject({ certificate: 'PEM' });
  });

  test.each([
    ['text', 'Asha Verma'],
    ['a list', '["Asha Verma"]'],
    ['a list in it', '{"names":["Asha Verma"]}'],
    ['an object in it', '{"patient":{"name":"Asha Verma"}}'],
  ])('by GET, where the body is or has %s: no part of it is left out', (_what, body) => {
    const message = refusal({ method: 'GET' }, { body });
    expect(message).toMatch(/flat object/);
    expect(message).not.toContain('Asha');
  });
});
