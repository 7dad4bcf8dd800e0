import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { oauthServer } from '../engine/dispatch/oauth-server.ts';
import { closedPort, partner } from '../engine/dispatch/peers.ts';
import { call, configureLab, host, post } from './hosting.ts';

const SECRET = 'client-s3cret-0123456789';

let running: Host;
let key: string;
let ruleId: number;

beforeEach(async () => {
  running = await host();
});
afterEach(() => running.close());

/** A rule of lab 7 for new bills, with these credentials. */
async function rule(
  endPoint: string,
  keys: CallInput<'addUpdateDeveloperAuthentication'>['keys'],
  settings: CallInput<'addUpdateWebhookIntegration'> = {},
  kind: 'oauth2' | 'bearer' = 'oauth2',
): Promise<void> {
  const made = await configureLab(running, endPoint);
  key = made.key;
  ruleId = made.rule.lab_integration_id;
  const { developer_authentication_id } = await call(running, 'addUpdateDeveloperAuthentication', {
    lab_id: 7,
    name: 'Partner',
    kind,
    keys,
  });
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: ruleId,
    developer_authentication_id,
    ...settings,
  });
}

async function bill(id: number): Promise<string> {
  const body = { lab_id: 7, bill: { bill_id: id, patient: { patient_id: 'P1' } } };
  const response = await post(running, '/billing/', body, { authorization: `Bearer ${key}` });
  const { log_ids } = (await response.json()) as { log_ids: [string] };
  return log_ids[0];
}

/** The log of a new bill, once its delivery has ended. */
async function delivered(id: number) {
  const log_id = await bill(id);
  return await vi.waitFor(async () => {
    const log = await call(running, 'revealLog', { log_id });
    expect(log.status).not.toBe('PENDING');
    return log;
  });
}

const client = (token_url: string) => ({ token_url, client_id: 'lab', client_secret: SECRET });

describe('a delivery with OAuth 2', () => {
  test('carries the token, which is stored, logged and shown nowhere', async () => {
    const server = await oauthServer();
    // A partner that debugs: it sends back what it was sent.
    const peer = await partner((response, { headers }) => {
      response.setHeader('x-seen', String(headers.authorization));
      response.end(JSON.stringify(headers));
    });
    await rule(peer.origin, client(server.url));
    const log = await delivered(1);
    expect(log).toMatchObject({
      status: 'SUCCESS',
      request_headers: { authorization: 'Bearer ••••' },
      response_headers: { 'x-seen': 'Bearer ••••' },
      response_body: expect.stringContaining('"authorization":"Bearer ••••"'),
    });
    expect(peer.received).toMatchObject([{ headers: { authorization: 'Bearer opaque-token-1' } }]);
    await delivered(2);
    expect(server.asked()).toBe(1);
    await running.close();
    for (const file of readdirSync(running.dataFolder, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = readFileSync(join(file.parentPath, file.name)).toString('latin1');
      expect(bytes).not.toMatch(/token-1|client-s3cret/);
    }
  });

  test('whose token the partner refuses once gets another within the same attempt', async () => {
    const server = await oauthServer();
    const peer = await partner((response, { headers }) => {
      response.statusCode = headers.authorization === 'Bearer opaque-token-1' ? 401 : 200;
      response.end();
    });
    await rule(peer.origin, client(server.url));
    const log = await delivered(1);
    expect(log).toMatchObject({ status: 'SUCCESS', response_status_code: 200 });
    expect(log.attempts).toHaveLength(1);
    const [first, second] = peer.received;
    expect(peer.received).toHaveLength(2);
    expect(second?.headers).toEqual({ ...first?.headers, authorization: 'Bearer opaque-token-2' });
    expect(second?.body).toBe(first?.body);
    // The next ones begin with the new token.
    await delivered(2);
    expect(peer.received).toHaveLength(3);
    expect(server.asked()).toBe(2);
  });

  test('that a partner refuses in any case is tried twice, no more', async () => {
    const server = await oauthServer();
    const peer = await partner((response) => void response.writeHead(401).end());
    await rule(peer.origin, client(server.url));
    expect(await delivered(1)).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED',
      response_status_code: 401,
    });
    expect(peer.received).toHaveLength(2);
  });

  test('is not repeated where this partner’s 401 does not say that nothing was taken', async () => {
    const server = await oauthServer();
    const peer = await partner((response) => void response.writeHead(401).end());
    await rule(peer.origin, client(server.url), {
      retry_policy: { overrides: { 401: 'UNKNOWN' } },
    });
    expect(await delivered(1)).toMatchObject({ certainty: 'UNKNOWN' });
    expect(peer.received).toHaveLength(1);
  });

  test('fails before anything leaves where no token is to be had', async () => {
    const peer = await partner();
    await rule(peer.origin, client(`http://127.0.0.1:${await closedPort()}/token`));
    const log = await delivered(1);
    expect(log).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      error_kind: 'CREDENTIALS',
      error_message: expect.stringMatching(/No token for "Partner".*ECONNREFUSED/),
    });
    expect(peer.connections()).toBe(0);
  });

  test('goes to where the rule points when the token has come', async () => {
    const server = await oauthServer({ hold: true });
    const [former, mended] = [await partner(), await partner()];
    await rule(former.origin, client(server.url));
    const log_id = await bill(1);
    await vi.waitFor(() => expect(server.asked()).toBe(1));
    const { version } = await call(running, 'addUpdateWebhookIntegration', {
      lab_integration_id: ruleId,
      end_point: mended.origin,
    });
    server.release();
    await vi.waitFor(() => expect(mended.received).toHaveLength(1));
    expect(former.connections()).toBe(0);
    await vi.waitFor(async () => {
      const log = await call(running, 'revealLog', { log_id });
      expect(log).toMatchObject({ status: 'SUCCESS', attempts: [{ config_version: version }] });
    });
  });
});

test('credentials that change reach what waits, also what is claimed already', async () => {
  const held: (() => void)[] = [];
  const peer = await partner((response) => void held.push(() => response.end()));
  await rule(peer.origin, { token: 'former-token' }, { max_concurrency: 1_000 }, 'bearer');
  await call(running, 'updateSettings', { max_concurrency: 1 });
  const logs = [await bill(1), await bill(2), await bill(3)];
  await vi.waitFor(() => expect(held).toHaveLength(1));
  await call(running, 'addUpdateDeveloperAuthentication', {
    developer_authentication_id: 1,
    keys: { token: 'new-token' },
  });
  await vi.waitFor(async () => {
    held.splice(0).forEach((answer) => answer());
    expect(peer.received).toHaveLength(logs.length);
  });
  held.splice(0).forEach((answer) => answer());
  expect(peer.received.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer former-token',
    'Bearer new-token',
    'Bearer new-token',
  ]);
});

describe('our own listener', () => {
  test.each(['127.0.0.1', 'localhost', '127.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f000001'])(
    'is refused as the end point of a rule: %s',
    async (name) => {
      const endPoint = `http://${name}:${running.port}/billing/`;
      await expect(configureLab(running, endPoint)).rejects.toThrow(/own listener/);
    },
  );

  test('is refused behind its public name, and as a token_url', async () => {
    await running.close();
    running = await host({ 'public-url': 'https://labrelay.lab' });
    await expect(configureLab(running, 'https://labrelay.lab/billing/')).rejects.toThrow(
      /own listener/,
    );
    await expect(
      call(running, 'addUpdateDeveloperAuthentication', {
        lab_id: 7,
        name: 'Partner',
        kind: 'oauth2',
        keys: client(`http://127.0.0.1:${running.port}/token`),
      }),
    ).rejects.toThrow(/own listener/);
  });
});
