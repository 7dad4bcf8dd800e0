import { createServer } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PROBE_EVERY_MS } from '../../../src/shared/model/breaker.ts';
import type { IntegrationSettings } from '../../../src/shared/model/configuration.ts';
import type { NewLog } from '../../../src/shared/model/delivery.ts';
import { RULE } from '../../store/samples.ts';
import { closedPort, listen } from '../dispatch/peers.ts';
import { engineRoom } from '../engine-room.ts';

const NOON = Date.parse('2026-11-25T12:00:00.000Z');
const FORTY_MINUTES = 40 * 60_000;
/** A first step that would come long after the partner is back. */
const SCHEDULE: Partial<IntegrationSettings> = {
  retryPolicy: { ...RULE.retryPolicy, schedule: [2 * 3_600_000, 5 * 3_600_000], jitter: 0.2 },
};
const STAT = 40;
const ALONE = 200;
const KEYS = ['A-1', 'A-2', 'A-3', 'A-4', 'A-5', 'A-6'];
const OF_EACH = 10;

let room: Awaited<ReturnType<typeof engineRoom>>;
afterEach(() => room.close());

/** Three hundred deliveries, routine ones first. */
function deliveries(): Partial<NewLog>[] {
  const keyed = Array.from({ length: OF_EACH }, () => KEYS.map((key) => ({ orderingKey: key })));
  return [
    ...keyed.flat(),
    ...Array.from({ length: ALONE }, () => ({})),
    ...Array.from({ length: STAT }, () => ({ priority: 'STAT' as const })),
  ];
}

/** A partner that answers as told, on a port of its own or a given one. */
async function partnerThat(
  answer: () => { status: number; headers?: Record<string, string> },
  at = 0,
) {
  const keys: string[] = [];
  const accepted: string[] = [];
  const server = createServer((request, response) => {
    const key = String(request.headers['webhook-id']);
    const { status, headers } = answer();
    keys.push(key);
    if (status === 200) accepted.push(key);
    request.resume();
    response.writeHead(status, headers).end();
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: at });
  return { url: `http://127.0.0.1:${port}/`, keys, accepted };
}

/** The partner is asked once in each quarter of a minute, for so long. */
async function downFor(ms: number, everyMs = PROBE_EVERY_MS): Promise<void> {
  for (let passed = 0; passed < ms; passed += everyMs) {
    const { attempts } = room;
    room.advance(everyMs);
    // As the dispatcher does once a second.
    await room.store.tendOrder({ now: room.now });
    await vi.waitFor(() => expect(room.attempts).toBe(attempts + 1), {
      timeout: 5_000,
      interval: 2,
    });
  }
}

const allGone = () =>
  vi.waitFor(async () => expect(await room.states()).toEqual({}), {
    timeout: 20_000,
    interval: 20,
  });

/** What was taken is in order: STAT before routine, each key as it was queued. */
function expectOrder(accepted: readonly string[], ids: readonly string[], underWay: number): void {
  expect(accepted).toHaveLength(ids.length);
  expect(new Set(accepted)).toEqual(new Set(ids));
  const place = new Map(accepted.map((logId, at) => [logId, at]));
  const placesOf = (some: readonly string[]) => some.map((logId) => place.get(logId) ?? -1);
  for (const [index] of KEYS.entries()) {
    const ofKey = ids.slice(0, KEYS.length * OF_EACH).filter((_, at) => at % KEYS.length === index);
    const places = placesOf(ofKey);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  }
  // Those that are under way at once may overtake each other on their way, and no others.
  expect(Math.max(...placesOf(ids.slice(-STAT)))).toBeLessThan(STAT + underWay);
  const alone = placesOf(ids.slice(KEYS.length * OF_EACH, -STAT));
  const strayed = alone.map((at, index) => at - Math.max(-1, ...alone.slice(0, index)));
  expect(Math.min(...strayed)).toBeGreaterThan(-underWay);
}

const logs = () =>
  room.read<{ retry_step: number; retry_count: number; retry_state: string; attempts: number }>(
    `SELECT retry_step, retry_count, retry_state,
       (SELECT count(*) FROM attempt a WHERE a.log_seq = log.log_seq) AS attempts FROM log`,
  );

describe('a partner that is down for forty minutes', () => {
  test('refused connections: no step is used; when it is back everything goes out in order, STAT first', async () => {
    const port = await closedPort();
    room = await engineRoom({
      rule: { ...SCHEDULE, endPoint: `http://127.0.0.1:${port}/` },
      now: NOON,
    });
    const ids = await room.queue(deliveries());
    await room.start();
    await waitsForAll(ids.length);
    await downFor(FORTY_MINUTES / 2);
    await room.restart();
    await downFor(FORTY_MINUTES / 2);

    const peer = await partnerThat(() => ({ status: 200 }), port);
    room.advance(PROBE_EVERY_MS);
    await allGone();
    expectOrder(peer.accepted, ids, 24);
    for (const log of logs()) {
      expect(log).toMatchObject({ retry_step: 0, retry_count: 0, retry_state: 'NONE' });
      // Its first one, the newest probe, and the one that arrived.
      expect(log.attempts).toBeLessThanOrEqual(3);
    }
    expect(room.breakers.map(({ kind }) => kind)).toEqual(['OPENED', 'CLOSED']);
    expect(room.alerts).toEqual([]);
  }, 60_000);

  /** Those behind another of their key wait for that one. */
  const waitsForAll = (count: number) =>
    vi.waitFor(
      async () => {
        const behind = KEYS.length * (OF_EACH - 1);
        expect(await room.states()).toEqual({
          WAITING_FOR_ENDPOINT: count - behind,
          WAITING: behind,
        });
      },
      { timeout: 10_000, interval: 5 },
    );

  test('answers of 503: only what opened the breaker uses a step, and all of it goes out when it is back', async () => {
    let isUp = false;
    const peer = await partnerThat(() => ({ status: isUp ? 200 : 503 }));
    room = await engineRoom({ rule: { ...SCHEDULE, endPoint: peer.url }, now: NOON });
    const ids = await room.queue(deliveries());
    await room.start();
    await vi.waitFor(() => expect(room.breakers.at(-1)?.kind).toBe('OPENED'));
    await vi.waitFor(() => expect(room.engine.dispatcher.inFlight).toBe(0));
    await downFor(FORTY_MINUTES / 2);
    const used = logs().filter((log) => log.retry_step > 0).length;
    await room.restart();
    await downFor(FORTY_MINUTES / 2);
    expect(logs().filter((log) => log.retry_step > 0)).toHaveLength(used);
    expect(used).toBe(10);

    isUp = true;
    room.advance(PROBE_EVERY_MS);
    await allGone();
    expectOrder(peer.accepted, ids, 24);
    for (const log of logs()) {
      expect(log.retry_state).toBe('NONE');
      expect(log.retry_step).toBeLessThanOrEqual(1);
      expect(log.attempts).toBeLessThanOrEqual(4);
    }
    expect(room.breakers.map(({ kind }) => kind)).toEqual([
      'WARNING',
      'WARNING',
      'WARNING',
      'OPENED',
      'CLOSED',
    ]);
    expect(room.alerts).toEqual([]);
  }, 60_000);
});

test('the order of a key outlives its hold while its partner is down', async () => {
  let isUp = false;
  const peer = await partnerThat(() => ({ status: isUp ? 200 : 503 }));
  room = await engineRoom({ rule: { ...SCHEDULE, endPoint: peer.url }, now: NOON });
  const keys = Array.from({ length: 20 }, (_, index) => `K-${index}`);
  const [heads, followers] = [
    await room.queue(keys.map((orderingKey) => ({ orderingKey }))),
    await room.queue(keys.map((orderingKey) => ({ orderingKey }))),
  ];
  await room.start();
  await vi.waitFor(() => expect(room.breakers.at(-1)?.kind).toBe('OPENED'));
  await vi.waitFor(() => expect(room.engine.dispatcher.inFlight).toBe(0));
  // Ten heads have used a step and are scheduled for long after; half an hour is over as well.
  expect(await room.states()).toEqual({ SCHEDULED: 10, WAITING_FOR_ENDPOINT: 10, WAITING: 20 });
  await downFor(FORTY_MINUTES);
  expect(await room.states()).toEqual({ SCHEDULED: 10, WAITING_FOR_ENDPOINT: 10, WAITING: 20 });

  isUp = true;
  room.advance(PROBE_EVERY_MS);
  await room.store.tendOrder({ now: room.now });
  await allGone();
  expect(peer.accepted).toHaveLength(40);
  for (const [index, head] of heads.entries()) {
    expect(peer.accepted.indexOf(head)).toBeLessThan(peer.accepted.indexOf(followers[index] ?? ''));
  }
  expect(room.alerts).toEqual([]);
}, 60_000);

test('opened by hand during traffic it lets nothing leave, over a restart, until it is closed', async () => {
  const peer = await partnerThat(() => ({ status: 200 }));
  room = await engineRoom({ rule: { ...SCHEDULE, endPoint: peer.url }, now: NOON });
  const ids = await room.queue(deliveries());
  await room.start();
  await vi.waitFor(() => expect(peer.keys.length).toBeGreaterThan(5));
  const set = (state: 'open' | 'closed') =>
    room.engine.breakers.set({
      labIntegrationId: room.rule,
      state,
      actor: 'Anna',
      note: 'they count their stock',
    });
  await set('open');
  await vi.waitFor(() => expect(room.engine.dispatcher.inFlight).toBe(0));
  const { length } = peer.keys;
  expect(length).toBeLessThan(ids.length);
  for (let minute = 0; minute < 5; minute++) room.advance(60_000);
  await room.restart();
  for (let minute = 0; minute < 5; minute++) room.advance(60_000);
  const claim = { worker: 'x', limit: 9, leaseUntil: 9e12, now: room.now };
  expect(await room.store.claim(claim)).toEqual([]);
  expect(peer.keys).toHaveLength(length);

  await set('closed');
  await allGone();
  expect(new Set(peer.accepted)).toEqual(new Set(ids));
  expect(peer.accepted).toHaveLength(ids.length);
}, 60_000);

test('a flood of 429 with Retry-After: the next probe comes when the partner wants it', async () => {
  const peer = await partnerThat(() => ({ status: 429, headers: { 'retry-after': '120' } }));
  room = await engineRoom({ rule: { ...SCHEDULE, endPoint: peer.url }, now: NOON });
  await room.queue(Array.from({ length: 60 }, () => ({})));
  await room.start();
  await vi.waitFor(() => expect(room.breakers.at(-1)?.kind).toBe('OPENED'));
  await vi.waitFor(() => expect(room.engine.dispatcher.inFlight).toBe(0));
  const { length } = peer.keys;
  await downFor(4 * 120_000, 120_000);
  expect(peer.keys).toHaveLength(length + 4);
  room.advance(119_999);
  expect(await room.store.nextDueAt({ now: room.now })).toBe(room.now + 1);
  expect(
    await room.store.claim({ worker: 'x', limit: 9, leaseUntil: 9e12, now: room.now }),
  ).toEqual([]);
});
