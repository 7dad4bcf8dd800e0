import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { configurationHandlers } from '../../src/main/bridge/procedures/configuration.ts';
import { domainSourceHandlers } from '../../src/main/bridge/procedures/domain-source.ts';
import { CredentialSource } from '../../src/main/engine/dispatch/credentials.ts';
import { HttpTransport } from '../../src/main/engine/dispatch/http-transport.ts';
import { authorize } from '../../src/main/engine/dispatch/request.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { openRoom, type Room } from '../engine/configuration/room.ts';
import { oauthServer } from '../engine/dispatch/oauth-server.ts';
import { closedPort, partner } from '../engine/dispatch/peers.ts';
import { caller } from './calling.ts';

const transport = new HttpTransport(Date.now, () => {});
afterAll(() => transport.close());

let room: Room;
let call: ReturnType<typeof handlers>;

function handlers() {
  const { configuration } = room;
  const credentials = new CredentialSource({ configuration, transport, clock: Date.now });
  return caller({
    ...configurationHandlers(configuration),
    ...domainSourceHandlers({
      configuration,
      transport,
      authorizeSource: (id) => authorize(id, configuration, credentials),
    }),
  });
}

beforeEach(async () => {
  room = await openRoom();
  call = handlers();
});

type Source = NonNullable<CallInput<'addUpdateLab'>['domain_source']>;

function withSource(source: Partial<Source> & { base_url: string }) {
  const objects = { bill: { path: '/bills/{id}', object_at: '/data' } };
  return call('addUpdateLab', { lab_id: 1, domain_source: { objects, ...source } });
}

/** Reads bill B-1; with the steps as `name` or, where one failed, `name!`. */
async function tried(kind: 'bill' | 'sample' = 'bill') {
  const result = await call('testDomainSource', { lab_id: 1, kind, id: 'B-1' });
  const steps = result.steps.map(({ name, ok }) => (ok ? name : `${name}!`)).join(' ');
  expect(result.ok).toBe(!steps.includes('!'));
  return { ...result, steps, detail: result.steps.at(-1)?.detail ?? '' };
}

describe('a lab’s domain source', () => {
  test('is kept as a whole, with its defaults, and stays where a change leaves it out', async () => {
    const saved = await withSource({ base_url: 'https://lis.example/api' });
    expect(saved.domain_source).toEqual({
      base_url: 'https://lis.example/api',
      developer_authentication_id: null,
      objects: { bill: { path: '/bills/{id}', object_at: '/data' } },
      timeout_ms: 5_000,
      cache_ms: 30_000,
      ca: null,
      is_active: true,
    });
    const renamed = await call('addUpdateLab', { lab_id: 1, name: 'Other' });
    expect(renamed.domain_source).toEqual(saved.domain_source);
    const removed = await call('addUpdateLab', { lab_id: 1, domain_source: null });
    expect(removed.domain_source).toBeNull();
  });

  test('uses no credentials that are not the lab’s or its organization’s', async () => {
    await expect(
      withSource({ base_url: 'https://lis.example', developer_authentication_id: 99 }),
    ).rejects.toMatchObject({
      errors: [{ field: 'domain_source.developer_authentication_id' }],
    });
  });
});

describe('testDomainSource', () => {
  test('reads one object with the credentials and tells its fields, not its values', async () => {
    const lis = await partner((response) => {
      response.end(JSON.stringify({ data: { bill_id: 'B-1', total: 'SECRET-VALUE' } }));
    });
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'LIS',
      kind: 'bearer',
      keys: { token: 'tok-abcdefghijklmnop' },
    });
    await withSource({ base_url: lis.origin, developer_authentication_id });
    const result = await tried();
    expect(result).toMatchObject({
      steps: 'configuration credentials request object',
      response_status_code: 200,
      fields: ['bill_id', 'total'],
    });
    expect(JSON.stringify(result)).not.toContain('SECRET-VALUE');
    expect(lis.received).toMatchObject([
      {
        method: 'GET',
        url: '/bills/B-1',
        headers: { authorization: 'Bearer tok-abcdefghijklmnop' },
      },
    ]);
  });

  test('gets a token, and another one where the lab’s system refuses it', async () => {
    const server = await oauthServer();
    const lis = await partner((response, { headers }) => {
      response.statusCode = headers.authorization === 'Bearer opaque-token-2' ? 200 : 401;
      response.end('{"data":{"bill_id":"B-1"}}');
    });
    const { developer_authentication_id } = await call('addUpdateDeveloperAuthentication', {
      lab_id: 1,
      name: 'LIS',
      kind: 'oauth2',
      keys: { token_url: server.url, client_id: 'relay', client_secret: 's3cret' },
    });
    await withSource({ base_url: lis.origin, developer_authentication_id });
    expect(await tried()).toMatchObject({ response_status_code: 200, fields: ['bill_id'] });
    expect(lis.received).toHaveLength(2);
  });

  test('cannot be at an address that nothing is sent to', async () => {
    await expect(withSource({ base_url: 'http://169.254.169.254' })).rejects.toMatchObject({
      errors: [
        {
          field: 'domain_source.base_url',
          reason: expect.stringMatching(/metadata address/) as string,
        },
      ],
    });
  });

  test.each([
    [404, '{}', 'configuration credentials request object!', /knows no such bill/],
    [500, '{}', 'configuration credentials request!', /answered 500/],
    [302, '{}', 'configuration credentials request!', /answered 302/],
    [200, 'hello', 'configuration credentials request object!', /not JSON/],
    [
      200,
      '{"bill_id":"B-1"}',
      'configuration credentials request object!',
      /no JSON object at \/data/,
    ],
    [200, '{"data":{"bill_id":"B-2"}}', 'configuration credentials request object!', /no bill of/],
    [
      200,
      '{"data":{"bill_id":"B-1","patient":7}}',
      'configuration credentials request object!',
      /at fault: patient/,
    ],
  ])('of an answer %s %s ends at %s', async (code, body, steps, detail) => {
    const lis = await partner((response) => void response.writeHead(code).end(body));
    await withSource({ base_url: lis.origin });
    const result = await tried();
    expect(result.steps).toBe(steps);
    expect(result.detail).toMatch(detail);
  });

  test('says what is missing before anything is asked', async () => {
    expect((await tried()).detail).toMatch(/has no domain source/);
    await withSource({ base_url: `http://127.0.0.1:${await closedPort()}` });
    expect((await tried('sample')).detail).toMatch(/no path for objects of kind sample/);
    expect((await tried()).steps).toBe('configuration credentials request!');
  });

  test('names the lab that is not known', async () => {
    await expect(
      call('testDomainSource', { lab_id: 77, kind: 'bill', id: 1 }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_LAB', errors: [{ field: 'lab_id' }] });
  });
});
