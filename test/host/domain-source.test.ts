import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { closedPort } from '../engine/dispatch/peers.ts';
import { call, configureLab, host, partner, post } from './hosting.ts';

const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

/** The lab's own system: bills by id; one that it does not have is answered 404. */
async function labSystem(bills: Record<string, object>): Promise<string> {
  const server = createServer((request, response) => {
    const bill = bills[request.url?.split('/').at(-1) ?? ''];
    response.writeHead(bill ? 200 : 404).end(JSON.stringify({ data: bill }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a body that is built anew is built from what the lab’s own system tells now', async () => {
  const running = await host();
  close.push(() => running.close());
  const peer = await partner();
  close.push(() => peer.close());
  const { rule, key } = await configureLab(running, `http://127.0.0.1:${await closedPort()}/`);
  const { lab_integration_id } = rule;
  const logs = new Map<string, string>();
  for (const bill_id of ['B-1', 'B-2']) {
    const event = { lab_id: 7, bill: { bill_id, total: 'as first told' } };
    const answer = await post(running, '/billing/', event, { authorization: `Bearer ${key}` });
    const { log_ids } = (await answer.json()) as { log_ids: [string] };
    logs.set(bill_id, log_ids[0]);
  }
  await call(running, 'setIntegrationEnabled', { lab_integration_id, is_active: false });
  await call(running, 'addUpdateWebhookIntegration', { lab_integration_id, end_point: peer.url });
  const base_url = await labSystem({ 'B-1': { bill_id: 'B-1', total: 'corrected' } });
  await call(running, 'addUpdateLab', {
    lab_id: 7,
    domain_source: { base_url, objects: { bill: { path: '/bills/{id}', object_at: '/data' } } },
  });

  await call(running, 'setIntegrationEnabled', {
    lab_integration_id,
    is_active: true,
    waiting: 'rebuild',
  });
  const log = async (bill: string) =>
    await call(running, 'revealLog', { log_id: logs.get(bill) ?? '', reason: 'a test' });
  await vi.waitFor(async () => expect((await log('B-1')).status).toBe('SUCCESS'));
  expect(peer.requests.map(({ body }) => JSON.parse(body))).toMatchObject([
    { data: { bill: { bill_id: 'B-1', total: 'corrected' } } },
  ]);
  expect((await log('B-1')).revisions).toMatchObject([
    { revision: 1, objects_from: null },
    { revision: 2, reason: 'REBUILT', objects_from: 'SOURCE' },
  ]);
  // What the lab has deleted is not sent from our own copy.
  expect(await log('B-2')).toMatchObject({
    status: 'FAIL',
    error_kind: 'PAYLOAD',
    error_message: expect.stringMatching(/no such bill any more/) as string,
  });
});
