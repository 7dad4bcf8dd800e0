import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { call, configureLab, host, post } from './hosting.ts';

const close: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

/** A partner that answers these, one after the other, and 200 from then on; keeps what it is sent. */
async function partnerThatAnswers(answers: { status: number; headers?: Record<string, string> }[]) {
  const requests: { key: string; body: string; at: number }[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    requests.push({ key: String(request.headers['webhook-id']), body, at: Date.now() });
    const { status, headers } = answers.shift() ?? { status: 200 };
    response.writeHead(status, headers).end();
  };
  const server = createServer((request, response) => {
    void answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, requests };
}

test('what a partner refuses for a while is sent again by itself, when the partner wants it', async () => {
  const later = (seconds: string) => ({ status: 503, headers: { 'retry-after': seconds } });
  const peer = await partnerThatAnswers([later('2'), later('1')]);
  const running = await host();
  close.push(() => running.close());
  const { rule, key } = await configureLab(running, peer.url);
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: rule.lab_integration_id,
    retry_policy: { schedule: [1_000, 1_000], jitter: 0 },
  });
  const bill = { bill_id: 1, total: 100, patient: { patient_id: 'P1' } };
  const sent = await post(
    running,
    '/billing/',
    { lab_id: 7, bill },
    { authorization: `Bearer ${key}` },
  );
  const { log_ids } = (await sent.json()) as { log_ids: string[] };
  const log_id = log_ids[0] ?? '';
  const log = () => call(running, 'getLog', { log_id });

  await vi.waitFor(async () => expect((await log()).retry_state).toBe('SCHEDULED'), 5_000);
  expect((await log()).next_retry_at).not.toBeNull();
  await vi.waitFor(async () => expect((await log()).status).toBe('SUCCESS'), 10_000);
  const done = await log();
  expect(done).toMatchObject({ retry_count: 2, retry_state: 'NONE', next_retry_at: null });
  expect(done.attempts.map(({ kind, certainty }) => [kind, certainty])).toEqual([
    ['FIRST', 'REFUSED_RETRYABLE'],
    ['AUTO', 'REFUSED_RETRYABLE'],
    ['AUTO', 'ACCEPTED'],
  ]);
  // The same bytes go under the same key, and never before the partner asked for them.
  expect(new Set(peer.requests.map((one) => one.key))).toEqual(new Set([log_id]));
  const [first, second, third] = peer.requests.map(({ at }) => at);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_990);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(990);
});
