import { createServer as createHttpsServer } from 'node:https';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { configurationHandlers } from '../../src/main/bridge/procedures/configuration.ts';
import { testingHandlers } from '../../src/main/bridge/procedures/testing.ts';
import { CredentialSource } from '../../src/main/engine/dispatch/credentials.ts';
import { HttpTransport } from '../../src/main/engine/dispatch/http-transport.ts';
import { PayloadBuilder } from '../../src/main/engine/payload/builder.ts';
import { ChildEvaluator } from '../../src/main/engine/payload/child-evaluator.ts';
import { forkMappingChild } from '../../src/main/engine/payload/fork-launcher.ts';
import { TargetGuard } from '../../src/main/engine/targets/guard.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { openRoom, type Room } from '../engine/configuration/room.ts';
import { authority, clientIdentity, hasOpenssl } from '../engine/dispatch/certificates.ts';
import { oauthServer } from '../engine/dispatch/oauth-server.ts';
import { opensslServer } from '../engine/dispatch/openssl-server.ts';
import { closedPort, listen, partner, rawPartner } from '../engine/dispatch/peers.ts';
import { type NameServer, nameServer } from '../engine/targets/dns-server.ts';
import { caller } from './calling.ts';

const evaluator = new ChildEvaluator(forkMappingChild);
const payloads = new PayloadBuilder({ evaluator });
const targets = new TargetGuard();
const transport = new HttpTransport(Date.now, () => {}, targets);
let room: Room;
let call: ReturnType<typeof handlers>;

function handlers() {
  const { configuration } = room;
  const credentials = new CredentialSource({ configuration, transport, clock: Date.now });
  return caller({
    ...configurationHandlers(configuration),
    ...testingHandlers({ configuration, payloads, transport, credentials, targets }, Date.now),
  });
}

beforeEach(async () => {
  room = await openRoom();
  call = handlers();
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await transport.close();
  await evaluator.stop();
});

/** Saves a rule for new bills of lab 1. @returns its id */
async function rule(settings: CallInput<'addUpdateWebhookIntegration'>): Promise<number> {
  const saved = await call('addUpdateWebhookIntegration', {
    lab_id: 1,
    action_category_list_id: 1,
    name: 'Bills',
    ...settings,
  });
  return saved.lab_integration_id;
}

/** Tests a rule; with the steps as `name` or, where one failed, `name!`. */
async function tried(lab_integration_id: number, more: { send?: boolean; data?: object } = {}) {
  const input = { lab_integration_id, ...more } as CallInput<'testIntegration'>;
  const result = await call('testIntegration', input);
  const steps = result.steps.map(({ name, ok }) => (ok ? name : `${name}!`)).join(' ');
  expect(result.ok).toBe(!steps.includes('!'));
  return { steps, detail: result.steps.at(-1)?.detail ?? '', code: result.response_status_code };
}

describe('testIntegration', () => {
  test('walks the way to an end point step by step, and sends nothing unless asked to', async () => {
    const peer = await partner();
    const id = await rule({ end_point: `${peer.origin}/hook` });
    expect(await tried(id)).toMatchObject({ steps: 'configuration dns connect', code: null });
    expect(peer.received).toEqual([]);
    // It leaves no connection behind.
    await vi.waitFor(() => expect(peer.sockets.size).toBe(0));
  });

  test('sends the category’s sample, marked as a test, with the rule’s headers and credentials', async () => {
    const peer = await partner((response) => void response.writeHead(201).end());
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'Partner',
      kind: 'bearer',
      keys: { token: 'tok-abcdefghijklmnop' },
    });
    const end_point = `${peer.origin}/hook`;
    const id = await rule({
      end_point,
      headers: { 'X-Site': 'north' },
      developer_authentication_id,
    });
    const outcome = await tried(id, { send: true });
    expect(outcome).toEqual({
      steps: 'configuration dns connect payload send',
      detail: 'The partner answered 201 Created.',
      code: 201,
    });
    expect(peer.received).toMatchObject([
      {
        method: 'POST',
        url: '/hook',
        headers: {
          'x-labrelay-test': 'true',
          'x-site': 'north',
          authorization: 'Bearer tok-abcdefghijklmnop',
        },
      },
    ]);
    expect(JSON.parse(peer.received[0]?.body ?? '')).toHaveProperty('data.bill');
  });

  test('sends what the rule’s mapping makes of the data that are given', async () => {
    const peer = await partner();
    const id = await rule({ end_point: peer.origin, mapping: '{"id": bill.bill_id}' });
    const data = { bill: { bill_id: 'B-9', patient: { patient_id: 'P1' } } };
    expect(await tried(id, { send: true, data })).toMatchObject({ code: 200 });
    expect(peer.received[0]?.body).toBe('{"id":"B-9"}');
  });

  test.each([400, 404, 429, 500, 302])(
    'tells what a partner that answers %i means',
    async (code) => {
      const peer = await partner((response) => void response.writeHead(code).end());
      const id = await rule({ end_point: peer.origin });
      expect(await tried(id, { send: true })).toMatchObject({
        steps: 'configuration dns connect payload send!',
        detail: expect.stringContaining(`answered ${code}`),
        code,
      });
    },
  );

  test('takes a rule’s overrides into account, "handed on" among them', async () => {
    const peer = await partner((response) => void response.writeHead(404).end());
    for (const meaning of ['ACCEPTED', 'COMMITTED'] as const) {
      const id = await rule({
        end_point: peer.origin,
        retry_policy: { overrides: { 404: meaning } },
      });
      expect(await tried(id, { send: true })).toMatchObject({ code: 404, steps: /send$/ });
    }
  });

  test('stops at a port where nobody listens', async () => {
    const id = await rule({ end_point: `http://127.0.0.1:${await closedPort()}/` });
    expect(await tried(id, { send: true })).toMatchObject({
      steps: 'configuration dns connect!',
      detail: expect.stringContaining('ECONNREFUSED'),
      code: null,
    });
  });

  test('stops at a name that does not resolve', async () => {
    const id = await rule({ end_point: 'http://partner.invalid/' });
    expect(await tried(id, { send: true })).toMatchObject({
      steps: 'configuration dns!',
      detail: expect.stringContaining('partner.invalid'),
    });
  });

  test('stops at credentials that cannot be used, and tells none of them', async () => {
    const peer = await partner();
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'Partner',
      kind: 'bearer',
      keys: { token: 'tok-abcdefghijklmnop' },
    });
    const id = await rule({ end_point: peer.origin, developer_authentication_id });
    await call('addUpdateDeveloperAuthentication', {
      developer_authentication_id,
      is_active: false,
    });
    const outcome = await tried(id, { send: true });
    expect(outcome).toMatchObject({ steps: 'configuration!', detail: /switched off/ });
    expect(outcome.detail).not.toContain('tok-');
    expect(peer.connections()).toBe(0);
  });

  test('stops at a mapping that fails on the sample', async () => {
    const peer = await partner();
    const id = await rule({
      end_point: peer.origin,
      mapping: '{"n": $number(bill.patient.name)}',
      check_data: { bill: { bill_id: 1, patient: { patient_id: 'P1', name: '17' } } },
    });
    const data = { bill: { bill_id: 1, patient: { patient_id: 'P1', name: 'Asha' } } };
    const outcome = await tried(id, { send: true, data });
    expect(outcome).toMatchObject({ steps: 'configuration dns connect payload!', code: null });
    expect(outcome.detail).not.toContain('Asha');
    expect(peer.received).toEqual([]);
  });

  test('refuses data that are none of the category, and rules that there are not', async () => {
    const peer = await partner();
    const id = await rule({ end_point: peer.origin });
    await expect(tried(id, { send: true, data: { bill: 7 } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'data.bill' }],
    });
    await expect(tried(99)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'lab_integration_id' }],
    });
  });
});

describe('testIntegration with OAuth 2', () => {
  async function ruleWithToken(end_point: string, token_url: string): Promise<number> {
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'Partner',
      kind: 'oauth2',
      keys: { token_url, client_id: 'lab', client_secret: 's3cret' },
    });
    return await rule({ end_point, developer_authentication_id });
  }

  test('fetches a token, always a new one, and calls with it', async () => {
    const server = await oauthServer();
    const peer = await partner();
    const id = await ruleWithToken(peer.origin, server.url);
    expect(await tried(id)).toMatchObject({ steps: 'configuration credentials dns connect' });
    const outcome = await tried(id, { send: true });
    expect(outcome.steps).toBe('configuration credentials dns connect payload send');
    expect(server.asked()).toBe(2);
    expect(peer.received[0]?.headers.authorization).toBe('Bearer opaque-token-2');
  });

  test('stops where no token is to be had, and tells why', async () => {
    const server = await oauthServer({
      answer: (_, response) =>
        Boolean(response.writeHead(401).end('{"error":"invalid_client","x":"s3cret"}')),
    });
    const peer = await partner();
    const id = await ruleWithToken(peer.origin, server.url);
    const outcome = await tried(id, { send: true });
    expect(outcome).toMatchObject({
      steps: 'configuration credentials!',
      detail: expect.stringMatching(/401 invalid_client. Check client_id/),
    });
    expect(outcome.detail).not.toContain('s3cret');
    expect(peer.connections()).toBe(0);
  });
});

describe('testIntegration of targets', () => {
  /** Handlers whose names are resolved by this server. */
  const resolvedBy = ({ resolve }: NameServer) => {
    const guard = new TargetGuard({ resolve });
    const { configuration } = room;
    const credentials = new CredentialSource({ configuration, transport, clock: Date.now });
    call = caller({
      ...configurationHandlers(configuration),
      ...testingHandlers(
        { configuration, payloads, transport, credentials, targets: guard },
        Date.now,
      ),
    });
  };

  test('stops at a name that leads to an address which nothing is sent to', async () => {
    resolvedBy(await nameServer(() => ['169.254.169.254']));
    expect(await tried(await rule({ end_point: 'http://partner.example/' }))).toMatchObject({
      steps: 'configuration dns!',
      detail: expect.stringMatching(/partner.example \(169.254.169.254\).*metadata/),
    });
  });

  test('stops at what the rule’s allow-list leaves out', async () => {
    resolvedBy(await nameServer(() => ['127.0.0.1']));
    const id = await rule({
      end_point: 'http://partner.example/',
      integrationExtraDetails: { allowed_targets: ['10.0.0.0/8'] },
    });
    expect(await tried(id)).toMatchObject({
      steps: 'configuration dns!',
      detail: expect.stringMatching(/not among the rule's allowed_targets/),
    });
  });

  test('connects to the very address that it has checked', async () => {
    const server = await nameServer((question) => [question ? '169.254.169.254' : '127.0.0.1']);
    resolvedBy(server);
    const peer = await partner();
    const id = await rule({ end_point: `http://partner.example:${peer.port}/` });
    expect(await tried(id)).toMatchObject({ steps: 'configuration dns connect' });
    expect(server.questions()).toBe(1);
    expect(peer.connections()).toBe(1);
  });
});

describe.skipIf(!hasOpenssl)('testIntegration over TLS', () => {
  async function https(names = 'DNS:localhost,IP:127.0.0.1') {
    const { ca, cert, key } = authority(names);
    const server = createHttpsServer({ cert, key }, (_, response) => void response.end('ok'));
    return { ...(await listen(server)), ca };
  }

  test('trusts what a delivery would trust, by name and by address', async () => {
    for (const [host, names] of [
      ['localhost', 'DNS:localhost'],
      ['127.0.0.1', 'IP:127.0.0.1'],
    ]) {
      const { port, ca } = await https(names);
      const end_point = `https://${host}:${port}/`;
      const id = await rule({ end_point, integrationExtraDetails: { tls: { ca } } });
      expect(await tried(id, { send: true })).toMatchObject({
        steps: 'configuration dns connect tls payload send',
        code: 200,
      });
    }
  });

  test('stops at a certificate that no delivery would trust', async () => {
    const { port, ca } = await https();
    const end_point = `https://localhost:${port}/`;
    const unknown = await tried(await rule({ end_point }), { send: true });
    expect(unknown).toMatchObject({ steps: 'configuration dns connect tls!', code: null });
    expect(unknown.detail).toMatch(/certificate/);
    const tls = { ca, server_name: 'partner.example' };
    const id = await rule({ end_point, integrationExtraDetails: { tls } });
    expect(await tried(id, { send: true })).toMatchObject({
      steps: 'configuration dns connect tls!',
      detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
  });

  test('shows our certificate to a partner that demands one', async () => {
    const server = authority('DNS:localhost,IP:127.0.0.1');
    const client = clientIdentity('lab-north');
    const port = await opensslServer(server, client.ca, 'TLSv1.3');
    const end_point = `https://localhost:${port}/`;
    const integrationExtraDetails = { tls: { ca: server.ca } };
    const without = await tried(await rule({ end_point, integrationExtraDetails }));
    expect(without).toMatchObject({
      steps: 'configuration dns connect tls!',
      detail: expect.stringMatching(/client certificate.*kind mtls/),
    });
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'Partner',
      kind: 'mtls',
      keys: { certificate: client.certificate, private_key: client.privateKey },
    });
    const id = await rule({ end_point, integrationExtraDetails, developer_authentication_id });
    expect(await tried(id)).toMatchObject({
      steps: 'configuration dns connect tls',
      detail: expect.stringMatching(/trusted \(TLSv1.3\), and ours was shown/),
    });
  });

  test.each([
    [
      'speaks no TLS',
      (socket: { write(text: string): void }) => socket.write('HTTP/1.1 400 No\r\n\r\n'),
    ],
    ['hangs up', (socket: { end(): void }) => socket.end()],
    ['says nothing', () => {}],
  ])('stops at a partner that %s', async (_, behave) => {
    const raw = await rawPartner((socket) => socket.once('data', () => behave(socket)));
    const end_point = `https://127.0.0.1:${raw.port}/`;
    const id = await rule({ end_point, integrationExtraDetails: { connect_timeout_ms: 200 } });
    expect((await tried(id)).steps).toBe('configuration dns connect tls!');
  });
});

describe('previewPayload', () => {
  const bills = { lab_id: 1, action_category_list_id: 1 };

  test('shows the default shape of the category’s sample, or of given data', async () => {
    const sample = await call('previewPayload', bills);
    expect(sample.content_type).toBe('application/json');
    expect(JSON.parse(sample.body)).toHaveProperty('data.bill');
    const data = { bill: { bill_id: 'B-9', patient: { patient_id: 'P1' } } };
    const { body } = await call('previewPayload', { ...bills, data });
    expect(JSON.parse(body)).toMatchObject({ data: { bill: { bill_id: 'B-9' } } });
  });

  test('shows what a mapping makes of it, as JSON or as text', async () => {
    const json = await call('previewPayload', { ...bills, mapping: '{"lab": $lab_id}' });
    expect(json).toEqual({ body: '{"lab":1}', content_type: 'application/json' });
    const text = await call('previewPayload', { ...bills, mapping: '"MSH|" & $action_category' });
    expect(text).toEqual({ body: 'MSH|BILL_GENERATED', content_type: 'text/plain; charset=utf-8' });
  });

  test.each([
    ['a mapping that does not parse', { ...bills, mapping: '{' }, 'MAPPING_FAILED', 'mapping'],
    ['a mapping that makes nothing', { ...bills, mapping: 'nothing' }, 'MAPPING_FAILED', 'mapping'],
    ['a lab that is not known', { ...bills, lab_id: 99 }, 'UNKNOWN_LAB', 'lab_id'],
    [
      'a category that is not known',
      { ...bills, action_category_list_id: 99 },
      'UNKNOWN_ACTION_CATEGORY',
      'action_category_list_id',
    ],
    ['data that are not the category’s', { ...bills, data: {} }, 'INVALID_INPUT', 'data.bill'],
  ])('refuses %s', async (_, input, code, field) => {
    await expect(call('previewPayload', input)).rejects.toMatchObject({
      code,
      errors: [{ field }],
    });
  });
});
