import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
