import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
afterEach(() => room.close());

/** Until nothing waits and nothing is under way. */
describe('a delivery', () => {
  test('is sent once, and its outcome is on disk before anybody is told', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    const [logId = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.settled).toHaveLength(1));
    expect(await room.store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      responseStatusCode: 200,
      attempts: [{ attempt: 1, kind: 'FIRST', revision: 1, configVersion: 1 }],
    });
    expect(room.transport.keys).toEqual([logId]);
  });

  test('is stamped on disk before its bytes may leave', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    const logIds = await room.queue(rule, 20);
    const seen: unknown[] = [];
    room.transport.script = async ({ headers }) => {
      const log = await room.store.getLog(headers['webhook-id'] ?? '');
      seen.push([log?.stage, log?.attempts.length, log?.status]);
      return answered();
    };
    await room.dispatcher.start();
    await room.drained();
    expect(seen).toEqual(logIds.map(() => ['DISPATCHED', 1, 'PENDING']));
  });

  test('goes by the rule as it is when the attempt starts, not as it was queued', async () => {
    room = await dispatching();
    const rule = await room.addRule({ endPoint: 'http://127.0.0.1:9/old' });
    const [logId = ''] = await room.queue(rule, 1);
    const known = room.lookup.rules.get(rule);
    if (known)
      room.lookup.rules.set(rule, { ...known, endPoint: 'http://127.0.0.1:9/new', version: 2 });
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.sent[0]?.url).toBe('http://127.0.0.1:9/new');
    expect(await room.store.getLog(logId)).toMatchObject({
      endPoint: 'http://127.0.0.1:9/new',
      attempts: [{ configVersion: 2, endPoint: 'http://127.0.0.1:9/new' }],
    });
  });

  test('that cannot be made as configured fails by name where it may not wait, and nothing leaves', async () => {
    room = await dispatching();
    const rule = await room.addRule({ signing: true, isRetryEnabled: false });
    const [logId = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await room.drained();
    expect(await room.store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'CONFIGURATION',
      errorMessage: expect.stringContaining('signing_secret'),
    });
    expect(room.transport.sent).toEqual([]);
  });

  test('is woken by a commit, long before the idle poll', async () => {
    room = await dispatching({ timings: { idlePoll: 60_000 } });
    const rule = await room.addRule();
    await room.dispatcher.start();
    for (let count = 1; count <= 3; count++) {
      await room.queue(rule, 1);
      room.dispatcher.notify();
      await vi.waitFor(() => expect(room.settled).toHaveLength(count));
    }
  });
});

describe('order and limits', () => {
  test('STAT goes before routine, each in the order of coming', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 1;
    const rule = await room.addRule();
    const routine = await room.queue(rule, 3);
    const stat = await room.queue(rule, 2, { priority: 'STAT' });
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.keys).toEqual([...stat, ...routine]);
  });

  test('holds among those that leave at once, too', async () => {
    room = await dispatching();
    const rule = await room.addRule({ maxConcurrency: 64 });
    const routine = await room.queue(rule, 30);
    const stat = await room.queue(rule, 5, { priority: 'STAT' });
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.keys).toEqual([...stat, ...routine]);
  });

  test('STAT overtakes what is claimed already and waits for a slot', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 2;
    room.transport.script = null;
    const rule = await room.addRule();
    const routine = await room.queue(rule, 6);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(2));
    const other = await room.addRule({ endPoint: 'http://127.0.0.1:9/other' });
    const [urgent = ''] = await room.queue(other, 1, { priority: 'STAT' });
    room.dispatcher.notify();
    // One ends: the next held one goes, and there is room to claim one more.
    room.transport.open[0]?.end(answered());
    await vi.waitFor(async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ CLAIMED: 4, READY: 2 }),
    );
    room.transport.script = () => answered();
    room.transport.answerAll();
    await room.drained();
    expect(room.transport.keys).toEqual([...routine.slice(0, 3), urgent, ...routine.slice(3)]);
  });

  test('no integration ever has more in flight than it may, and each has that many', async () => {
    room = await dispatching();
    const one = await room.addRule({ endPoint: 'http://127.0.0.1:9/one', maxConcurrency: 2 });
    const two = await room.addRule({ endPoint: 'http://127.0.0.1:9/two', maxConcurrency: 5 });
    await room.queue(one, 40);
    await room.queue(two, 40);
    room.transport.script = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return answered();
    };
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.sent).toHaveLength(80);
    expect(new Set(room.transport.keys).size).toBe(80);
    expect(Object.fromEntries(room.transport.most)).toMatchObject({
      'http://127.0.0.1:9/one': 2,
      'http://127.0.0.1:9/two': 5,
    });
  });

  test('over all integrations no more is in flight than there are slots, which can be widened', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 3;
    room.transport.script = null;
    const rule = await room.addRule({ maxConcurrency: 64 });
    await room.queue(rule, 30);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(3));
    expect(room.dispatcher.inFlight).toBe(3);
    room.lookup.settings.maxConcurrency = 7;
    room.dispatcher.notify();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(7));
    room.transport.script = () => answered();
    room.transport.answerAll();
    await room.drained();
    expect(room.transport.most.get('')).toBe(7);
    expect(room.transport.sent).toHaveLength(30);
  });
});

describe('a soft-disabled rule', () => {
  test('holds its tasks, also those that are claimed already; enabled again it lets them go', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 2;
    room.transport.script = null;
    const rule = await room.addRule();
    const other = await room.addRule({ endPoint: 'http://127.0.0.1:9/other' });
    const logIds = await room.queue(rule, 20);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(2));

    await room.enable(rule, false);
    const [unhindered = ''] = await room.queue(other, 1);
    room.transport.script = () => answered();
    room.transport.answerAll();
    room.dispatcher.notify();
    // What was under way ends, others go on, and everything else of this rule waits.
    await vi.waitFor(() => expect(room.settled).toHaveLength(3));
    await vi.waitFor(async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ HELD: 18 }),
    );
    expect(room.transport.keys).toEqual([...logIds.slice(0, 2), unhindered]);

    await room.enable(rule, true, 'RELEASE');
    await room.drained();
    expect(new Set(room.transport.keys)).toEqual(new Set([...logIds, unhindered]));
    expect(room.transport.sent).toHaveLength(21);
  });
});

describe('stopping', () => {
  test('lets what is under way end, gives back the rest, and may be asked for twice', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 2;
    room.transport.script = null;
    const rule = await room.addRule();
    await room.queue(rule, 10);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(2));
    let stopped = 0;
    const stops = [room.dispatcher.stop(), room.dispatcher.stop()].map((stop) =>
      stop.then(() => stopped++),
    );
    await vi.waitFor(async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ READY: 8, CLAIMED: 2 }),
    );
    expect(stopped).toBe(0);
    room.transport.answerAll();
    await Promise.all(stops);
    room.dispatcher.notify();
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 8 });
    expect(room.transport.sent).toHaveLength(2);
    expect(room.settled).toHaveLength(2);
  });

  test('does not wait for a handler that hangs', async () => {
    room = await dispatching();
    room.transport.script = null;
    const rule = await room.addRule({ timeoutMs: 50 });
    const [logId = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    await room.dispatcher.stop();
    expect(await room.store.getLog(logId)).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN' });
  });

  test('and starting again delivers the rest once', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 2;
    const rule = await room.addRule();
    const logIds = await room.queue(rule, 30);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.settled.length).toBeGreaterThan(3));
    await room.dispatcher.stop();
    expect(await room.dispatcher.start()).toEqual({ requeued: 0, unknown: 0, failed: 0 });
    await room.drained();
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
  });
});
