import { Webhook } from 'standardwebhooks';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Partner,
  type PartnerSeen,
  startPartner,
} from '../../../src/main/cli/demo/partner.ts';

let partner: Partner;

beforeEach(async () => {
  partner = await startPartner();
});
afterEach(() => partner.close());

const BODY = '{"log_id":"01a207b0-4050-70bc-b7f6-e6dde55aecdc","bill":1}';

function call(path: string, headers: Record<string, string> = {}, method = 'POST') {
  const options: RequestInit = { method, headers, body: BODY };
  return fetch(new URL(path, partner.greeting.url), options);
}

const basic = (pair: string) => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
});

async function seen(): Promise<PartnerSeen> {
  return (await (await fetch(`${partner.greeting.url}/seen`)).json()) as PartnerSeen;
}

/** Headers that the reference library makes, the partner's own code being none of it. */
function signed(body: string, id = 'log-1', at = new Date()): Record<string, string> {
  const signature = new Webhook(partner.greeting.credentials.signing_secret).sign(id, at, body);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signature,
  };
}

describe('the simulated third party', () => {
  test('answers by path', async () => {
    expect((await call('/archive/reports')).status).toBe(500);
    expect((await call('/worklist/rejections')).status).toBe(422);
    expect((await call('/dashboard/preliminary')).status).toBe(209);
    const quiet = await call('/dashboard/quiet');
    expect([quiet.status, await quiet.json()]).toEqual([200, { message: '#NOTFORDASHBOARD' }]);
    const maintenance = await call('/state/registry');
    expect([maintenance.status, maintenance.headers.get('retry-after')]).toEqual([503, '3600']);
    expect((await call('/nowhere')).status).toBe(404);
    expect((await call('/archive/reports', {}, 'PUT')).status).toBe(405);
  });

  test('verifies what it has given out: user and password, token, key', async () => {
    const { username, password, bearer_token, api_key } = partner.greeting.credentials;
    expect((await call('/ledger/bills', basic(`${username}:${password}`))).status).toBe(200);
    expect((await call('/ledger/bills', basic(`${username}:guess`))).status).toBe(401);
    expect(
      (await call('/insurer/claims', { authorization: `Bearer ${bearer_token}` })).status,
    ).toBe(202);
    expect((await call('/insurer/claims', { authorization: 'Bearer guess' })).status).toBe(401);
    expect((await call('/warehouse/bills', { 'x-partner-key': api_key })).status).toBe(201);
    expect((await call('/warehouse/bills')).status).toBe(401);
    expect(await seen()).toMatchObject({ requests: 6, turned_away: 3 });
  });

  test('verifies Standard Webhooks signatures as the reference library makes them', async () => {
    expect((await call('/bank/payments', signed(BODY))).status).toBe(200);
    const otherKey = { ...signed(BODY), 'webhook-signature': `v1,${btoa('x'.repeat(32))}` };
    expect((await call('/bank/payments', otherKey)).status).toBe(401);
    expect((await call('/bank/payments', signed('{"bill":2}'))).status).toBe(401);
    expect((await call('/bank/payments', { ...signed(BODY), 'webhook-id': 'log-2' })).status).toBe(
      401,
    );
    const old = signed(BODY, 'log-1', new Date(Date.now() - 600_000));
    expect((await call('/bank/payments', old)).status).toBe(401);
    expect((await call('/bank/payments')).status).toBe(401);
    const rotated = { ...signed(BODY) };
    rotated['webhook-signature'] = `v1,${btoa('old')} ${rotated['webhook-signature']}`;
    expect((await call('/bank/payments', rotated)).status).toBe(200);
    expect(await seen()).toMatchObject({ signatures_verified: 2, turned_away: 5 });
  });

  test('counts requests, and log ids once: by webhook-id, a revision’s key, or the body', async () => {
    await call('/visits', { 'webhook-id': 'log-1' });
    await call('/visits', { 'webhook-id': 'log-1' });
    await call('/visits', { 'webhook-id': 'log-1_r2' });
    await call('/visits');
    await call('/archive/reports', { 'webhook-id': 'log-2' });
    expect(await seen()).toMatchObject({
      requests: 5,
      log_ids: ['log-1', '01a207b0-4050-70bc-b7f6-e6dde55aecdc', 'log-2'],
      by_path: { '/visits': 4, '/archive/reports': 1 },
    });
  });

  test('answers by what came before, and remembers by key what it answered', async () => {
    const keyed = (key: string, path: string, body: object = {}) =>
      fetch(new URL(path, partner.greeting.url), {
        method: 'POST',
        headers: { 'webhook-id': key },
        body: JSON.stringify(body),
      });
    const bill = (total_amount: number) => ({ data: { bill: { total_amount } } });
    expect((await keyed('a', '/auditor/bills', bill(-1))).status).toBe(422);
    expect((await keyed('a_r2', '/auditor/bills', bill(1))).status).toBe(200);

    const busy = await keyed('b', '/cooperative-bank/payments');
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await keyed('b', '/cooperative-bank/payments')).status).toBe(503);
    expect((await keyed('b', '/cooperative-bank/payments')).status).toBe(200);

    await expect(keyed('c', '/doctor/reports')).rejects.toThrow();
    expect((await keyed('c', '/doctor/reports')).status).toBe(200);

    expect((await keyed('d', '/register/results')).status).toBe(422);
    await fetch(new URL('/mend', partner.greeting.url), { method: 'POST' });
    expect((await keyed('d', '/register/results')).status).toBe(200);

    expect(await seen()).toMatchObject({
      answers: { a: [422], a_r2: [200], b: [503, 503, 200], c: [0, 200], d: [422, 200] },
      repeats: { a: 2, b: 3, c: 2, d: 2 },
    });
  });

  test('takes a slow call and never answers it', async () => {
    const leaving = new AbortController();
    const slow = fetch(`${partner.greeting.url}/slow/reports`, {
      method: 'POST',
      body: BODY,
      signal: leaving.signal,
    });
    await expect.poll(async () => (await seen()).requests).toBe(1);
    leaving.abort();
    await expect(slow).rejects.toThrow();
  });
});

describe('told of appointments, it calls in', () => {
  /** A made-up LabRelay that notes the calls and confirms all but what was cancelled. */
  async function labRelay() {
    const calls: { key: string | undefined; body: { lab_id: number; appointment_id: string } }[] =
      [];
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const body = (await json(request)) as (typeof calls)[number]['body'];
      calls.push({ key: request.headers.authorization, body });
      const isKnown = body.appointment_id.startsWith('A');
      response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' });
      const unknown = { code: 'UNKNOWN_APPOINTMENT', detail: 'unknown', status: 404 };
      response.end(JSON.stringify(isKnown ? { status: 'CONFIRMED' } : unknown));
    };
    const server = createServer((request, response) => {
      void answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { calls, server, url: `http://127.0.0.1:${port}` };
  }

  const tell = (path: string, action_category: string, appointment: object) =>
    fetch(new URL(path, partner.greeting.url), {
      method: 'POST',
      body: JSON.stringify({ lab_id: 7, action_category, data: { appointment } }),
    });

  test('with its own key: for what is booked (now and then twice), what is cancelled, and one nobody made', async () => {
    const { calls, server, url } = await labRelay();
    try {
      await fetch(new URL('/introduction', partner.greeting.url), {
        method: 'POST',
        body: JSON.stringify({ url, key: 'its-own-key', lab_id: 7 }),
      });
      for (const number of [1, 2, 3, 4]) {
        const booked = { appointment_id: `A${number}`, confirm_by: 'api' };
        await tell('/visits/booked', 'APPOINTMENT_CREATED', booked);
      }
      const byPhone = { appointment_id: 'A5', confirm_by: 'phone' };
      await tell('/visits/booked', 'APPOINTMENT_CREATED', byPhone);
      await tell('/visits/cancelled', 'APPOINTMENT_CANCELLED', byPhone);
      await vi.waitFor(async () => expect((await seen()).calls_under_way).toBe(0));

      const told = (await seen()).confirmations;
      const byReason = (reason: string) =>
        told
          .filter(({ confirmed_as }) => confirmed_as === reason)
          .map(({ appointment_id }) => appointment_id);
      expect(new Set(byReason('BOOKED'))).toEqual(new Set(['A1', 'A2', 'A3', 'A4']));
      expect(byReason('AGAIN')).toEqual(['A4']);
      expect(byReason('CANCELLED')).toEqual(['A5']);
      expect(told.find(({ confirmed_as }) => confirmed_as === 'NEVER_BOOKED')).toMatchObject({
        answer: null,
        refused: 'UNKNOWN_APPOINTMENT',
      });
      expect(calls).toHaveLength(told.length);
      for (const { key } of calls) expect(key).toBe('Bearer its-own-key');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
