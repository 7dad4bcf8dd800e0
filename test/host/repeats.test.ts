import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { call, configureLab, host, partner, post } from './hosting.ts';

let receiver: Awaited<ReturnType<typeof partner>>;
let running: Host;
let inbound: Record<string, string>;

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  const { key } = await configureLab(running, receiver.url);
  inbound = { authorization: `Bearer ${key}` };
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

test('a repeat is answered as before, also once its lab has been switched off', async () => {
  const body = { lab_id: 7, bill: { bill_id: 'repeated' } };
  const headers = { ...inbound, 'idempotency-key': 'once' };
  const first = await post(running, '/billing/', body, headers);
  expect(first.status).toBe(201);
  const answer: unknown = await first.json();

  await call(running, 'addUpdateLab', { lab_id: 7, is_active: false });
  const again = await post(running, '/billing/', body, headers);
  expect([again.status, await again.json()]).toEqual([201, answer]);
  expect(again.headers.get('idempotent-replayed')).toBe('true');

  const fresh = await post(running, '/billing/', body, { ...headers, 'idempotency-key': 'twice' });
  expect(fresh.status).toBe(422);
  const other = await post(running, '/billing/', { ...body, priority: 'STAT' }, headers);
  expect(other.status).toBe(422);
});
