import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { EventStream } from '../support/event-stream.ts';
import { allLogs, billNamed } from './busy-lab.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const BURST = 300;

let running: Host;
let receiver: Awaited<ReturnType<typeof partner>>;
let lab: Awaited<ReturnType<typeof configureLab>>;
/** How the receiver answers. */
const answer = { status: 200, body: '{}' };

beforeAll(async () => {
  running = await host();
  receiver = await partner(answer);
  lab = await configureLab(running, receiver.url);
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

/** Listens as a script does, by key. */
function listen(lastId?: string, key = adminToken(running)): EventStream {
  return new EventStream(`${running.url}/api/v1/stream`, {
    authorization: `Bearer ${key}`,
    ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
  });
}

async function bill(billId: string): Promise<string> {
  const response = await post(running, '/billing/', billNamed(billId), {
    authorization: `Bearer ${lab.key}`,
  });
  return ((await response.json()) as { log_ids: [string] }).log_ids[0];
}

/** Every log that a stream has told of; null: it has said that there are many. */
function toldOf(streams: readonly EventStream[]): Set<unknown> | null {
  const changed = streams.flatMap((stream) => stream.named('LogsChanged'));
  if (changed.some(({ many }) => many)) return null;
  return new Set(changed.flatMap(({ log_ids }) => log_ids as string[]));
}

describe('the live stream', () => {
  it('tells a delivery with its last state, read after its commit', async () => {
    const stream = listen();
    await vi.waitFor(() => expect(stream.lastId).not.toBe(''));
    const logId = await bill('live');
    await vi.waitFor(
      () =>
        expect(stream.named('UpdateRetryIntegrationStatus').at(-1)).toMatchObject({
          log_id: logId,
          status: 'SUCCESS',
          attempt: 1,
        }),
      { timeout: 5_000 },
    );
    const { updated_at } = await call(running, 'getLog', { log_id: logId });
    expect(stream.named('UpdateRetryIntegrationStatus').at(-1)).toEqual({
      log_id: logId,
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      retry_state: 'NONE',
      retry_count: 0,
      next_retry_at: null,
      attempt: 1,
      held_reason: null,
      updated_at,
    });
    stream.close();
  });

  it('misses no log of a burst in which it is cut off again and again', async () => {
    const streams = [listen()];
    await vi.waitFor(() => expect(streams.at(-1)?.lastId).not.toBe(''));
    const before = new Set((await allLogs(running, 'OUTBOUND')).map(({ log_id }) => log_id));
    const burst = (async () => {
      for (let n = 0; n < BURST; n++) await bill(`burst ${n}`);
    })();
    for (let cut = 0; cut < 4; cut++) {
      const last = streams.at(-1);
      const seen = last?.events.length ?? 0;
      await vi.waitFor(() => expect(last?.events.length).toBeGreaterThan(seen), {
        timeout: 5_000,
      });
      last?.close();
      streams.push(listen(last?.lastId));
    }
    await burst;
    const made = (await allLogs(running, 'OUTBOUND'))
      .map(({ log_id }) => log_id)
      .filter((logId) => !before.has(logId));
    expect(made).toHaveLength(BURST);
    await vi.waitFor(
      () => {
        const told = toldOf(streams);
        expect(told === null || made.every((logId) => told.has(logId))).toBe(true);
      },
      { timeout: 5_000 },
    );
    expect(streams.flatMap((stream) => stream.named('Reset'))).toEqual([]);
    streams.at(-1)?.close();
  });
});
