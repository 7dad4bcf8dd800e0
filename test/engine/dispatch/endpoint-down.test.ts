import { createServer } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HttpTransport } from '../../../src/main/engine/dispatch/http-transport.ts';
import { failure } from '../../../src/main/engine/dispatch/transport.ts';
import { PROBE_EVERY_MS } from '../../../src/shared/model/breaker.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { closedPort, partner } from './peers.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
let carrier: HttpTransport | null = null;
const after: (() => Promise<void>)[] = [];
/** What the room takes for now; real timers run, and find out what is due by this. */
let now = 1_800_000_000_000;

afterEach(async () => {
  await room.close();
  await carrier?.close();
  carrier = null;
  for (const close of after.splice(0)) await close();
});

const clock = () => now;
const summary = async (logId: string) => {
  const log = await room.store.getLog(logId);
  if (!log) throw new Error(`no log ${logId}`);
  return log;
};
const settledAre = (count: number) =>
  vi.waitFor(() => expect(room.settled).toHaveLength(count), { timeout: 10_000, interval: 5 });

async function overHttp(): Promise<void> {
  carrier = new HttpTransport(
    () => performance.now(),
    () => {},
  );
  room = await dispatching({ clock, transport: carrier });
}

/** A partner on a port that was closed until now. */
async function listenOn(port: number): Promise<string[]> {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    keys.push(String(request.headers['webhook-id']));
    request.resume();
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  after.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return keys;
}

describe('an endpoint that cannot be reached', () => {
  test('keeps 500 waiting without a step used; when it is up everything goes out in order, STAT first', async () => {
    await overHttp();
    const port = await closedPort();
    const rule = await room.addRule({ endPoint: `http://127.0.0.1:${port}/` });
    room.lookup.settings.maxConcurrency = 1;
    const routine = await room.queue(rule, 480);
    const stat = await room.queue(rule, 20, { priority: 'STAT' });
    await room.dispatcher.start();
    // The second was stamped with the commit that told of the first.
    await vi.waitFor(async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: 500 }),
    );
    const lost = room.settled.length;
    expect(lost).toBeLessThanOrEqual(2);
    expect(room.breakers).toEqual([
      { kind: 'OPENED', reason: 'ENDPOINT_DOWN', labIntegrationId: rule, failures: 1 },
    ]);

    // Only the first in order asks for the endpoint, when that is due.
    now += PROBE_EVERY_MS - 1;
    room.dispatcher.notify();
    now += 1;
    await settledAre(lost + 1);
    const [head = ''] = stat;
    expect(room.settled.at(-1)?.logId).toBe(head);
    expect(await summary(head)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'CONNECT',
      retryState: 'SCHEDULED',
      heldReason: 'ENDPOINT_DOWN',
      retryCount: 0,
      nextRetryAt: now + PROBE_EVERY_MS,
      attempts: [
        { attempt: 1, kind: 'FIRST' },
        { attempt: 2, kind: 'AUTO' },
      ],
    });
    expect(await summary(routine[0] ?? '')).toMatchObject({
      status: 'PENDING',
      heldReason: 'ENDPOINT_DOWN',
      nextRetryAt: now + PROBE_EVERY_MS,
      attempts: [],
    });

    const keys = await listenOn(port);
    room.lookup.settings.maxConcurrency = 64;
    now += PROBE_EVERY_MS;
    await room.drained();
    expect(keys).toHaveLength(500);
    // Those that are under way at once may overtake each other on their way, and no others.
    const places = new Map([...stat, ...routine].map((logId, place) => [logId, place]));
    const strayed = keys.map((key, place) => Math.abs(place - (places.get(key) ?? Infinity)));
    expect(Math.max(...strayed)).toBeLessThan(2 * 8);
    expect(room.breakers.slice(1)).toEqual([
      { kind: 'CLOSED', labIntegrationId: rule, failures: 0 },
    ]);
    expect(await summary(head)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'NONE',
      heldReason: null,
      nextRetryAt: null,
      retryCount: 0,
    });
  }, 30_000);

  test('fails for good where the rule has no retries', async () => {
    await overHttp();
    const rule = await room.addRule({
      endPoint: `http://127.0.0.1:${await closedPort()}/`,
      isRetryEnabled: false,
    });
    const [logId = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await room.drained();
    expect(await summary(logId)).toMatchObject({ status: 'FAIL', retryState: 'NONE' });
    expect(room.breakers).toEqual([]);
  });

  test('is asked for by hardly more than were under way when it was lost', async () => {
    room = await dispatching({ clock });
    room.transport.script = null;
    const rule = await room.addRule({ maxConcurrency: 50 });
    room.lookup.settings.maxConcurrency = 4;
    await room.queue(rule, 100);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(4));
    await vi.waitFor(async () => {
      room.transport.answerAll(failure('CONNECT', 'refused', 1));
      expect((await room.store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: 100 });
    });
    // Each slot's next was stamped with the commit that told of its last; what waited in memory
    // beyond that was given back.
    expect(room.transport.sent.length).toBeLessThanOrEqual(8);
    expect(room.breakers).toHaveLength(1);
  });

  test('leaves other integrations alone', async () => {
    room = await dispatching({ clock });
    const down = await room.addRule();
    const up = await room.addRule({ endPoint: 'http://127.0.0.1:9/up' });
    room.transport.script = ({ url }) =>
      url.endsWith('/up') ? answered() : failure('DNS', 'no such name', 1);
    await room.queue(down, 20);
    await room.queue(up, 20);
    await room.dispatcher.start();
    await vi.waitFor(async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: 20 }),
    );
    expect(room.transport.sent.filter(({ url }) => url.endsWith('/up'))).toHaveLength(20);
  });

  test('keeps the order of a key: its head waits in its place', async () => {
    room = await dispatching({ clock });
    let isUp = false;
    room.transport.script = () => (isUp ? answered() : failure('CONNECT', 'refused', 1));
    const rule = await room.addRule();
    const ids = await room.queue(rule, 5, { orderingKey: 'A-17' });
    await room.dispatcher.start();
    await settledAre(1);
    isUp = true;
    now += PROBE_EVERY_MS;
    await room.drained();
    expect(room.transport.keys).toEqual([ids[0], ...ids]);
  });
});

describe('the breaker, against a partner that answers 500 and then 200', () => {
  test('opens after ten, lets only probes go, closes with the first success and drains', async () => {
    await overHttp();
    let code = 500;
    const peer = await partner((response) => void response.writeHead(code).end());
    const rule = await room.addRule({ endPoint: `${peer.origin}/`, maxConcurrency: 1 });
    const ids = await room.queue(rule, 40);
    await room.dispatcher.start();
    await settledAre(10);
    expect(room.breakers.map(({ kind, failures }) => `${kind} ${failures}`)).toEqual([
      'WARNING 5',
      'WARNING 7',
      'WARNING 9',
      'OPENED 10',
    ]);
    expect(await summary(ids[10] ?? '')).toMatchObject({
      status: 'PENDING',
      heldReason: 'BREAKER_OPEN',
      nextRetryAt: now + PROBE_EVERY_MS,
    });

    // A 500 may have been taken, so the probe's own delivery has failed like the others.
    now += PROBE_EVERY_MS;
    await settledAre(11);
    expect(await summary(ids[10] ?? '')).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN' });
    expect(room.breakers).toHaveLength(4);
    expect(peer.received).toHaveLength(11);

    code = 200;
    now += PROBE_EVERY_MS;
    await room.drained();
    expect(peer.received.map(({ headers }) => headers['webhook-id'])).toEqual(ids);
    expect(room.breakers.at(-1)).toEqual({ kind: 'CLOSED', labIntegrationId: rule, failures: 0 });
  });

  test('is not moved by refusals of a message, however many', async () => {
    await overHttp();
    const peer = await partner((response) => void response.writeHead(422).end());
    const rule = await room.addRule({ endPoint: `${peer.origin}/` });
    await room.queue(rule, 30);
    await room.dispatcher.start();
    await room.drained();
    expect(room.breakers).toEqual([]);
    expect(peer.received).toHaveLength(30);
  });

  test('open before a restart, is open after it', async () => {
    room = await dispatching({ clock });
    room.transport.script = () => answered(503);
    const rule = await room.addRule({ maxConcurrency: 1 });
    await room.queue(rule, 12);
    await room.dispatcher.start();
    await settledAre(10);
    await room.dispatcher.stop();
    await room.dispatcher.start();
    room.dispatcher.notify();
    now += PROBE_EVERY_MS;
    room.transport.script = () => answered();
    await room.drained();
    expect(room.transport.sent).toHaveLength(12);
  });

  test('a mended rule is tried at once', async () => {
    room = await dispatching({ clock });
    room.transport.script = ({ url }) => answered(url.endsWith('/mended') ? 200 : 500);
    const rule = await room.addRule({ maxConcurrency: 1 });
    await room.queue(rule, 15);
    await room.dispatcher.start();
    await settledAre(10);
    await room.change(rule, { endPoint: 'http://127.0.0.1:9/mended' });
    room.dispatcher.notify();
    await room.drained();
    expect(room.transport.sent.filter(({ url }) => url.endsWith('/mended'))).toHaveLength(5);
  });
});

test('a probe goes when it is due, not at the next poll', async () => {
  room = await dispatching({ timings: { idlePoll: 60_000 } });
  const rule = await room.addRule();
  room.transport.script = () => failure('CONNECT', 'no connection', 1);
  await room.queue(rule, 2);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.breakers).toMatchObject([{ kind: 'OPENED' }]));
  const { length } = room.transport.sent;
  room.transport.script = () => answered();
  room.sql(`UPDATE integration_state SET probe_at = ${Date.now() + 300}`);
  room.dispatcher.notify();
  expect(room.transport.sent).toHaveLength(length);
  await room.drained();
  expect(room.breakers).toMatchObject([{ kind: 'OPENED' }, { kind: 'CLOSED' }]);
});
