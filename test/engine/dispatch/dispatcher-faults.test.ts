import { afterEach, describe, expect, test, vi } from 'vitest';
import { LabRelayError } from '../../../src/shared/errors.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
afterEach(() => room.close());

const diskFull = () => new LabRelayError('STORE_UNAVAILABLE', 'SQLITE_FULL');

/** Refuses the first calls, then lets them through. */
function refusing<A extends unknown[], R>(
  count: number,
  command: (...input: A) => Promise<R>,
  error: () => Error = diskFull,
): (...input: A) => Promise<R> {
  let refused = 0;
  return (...input) => (refused++ < count ? Promise.reject(error()) : command(...input));
}

describe('a task that dies before its handler can report', () => {
  test('by an exception after the stamp goes to the failed-task queue as UNKNOWN', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    const [logId = ''] = await room.queue(rule, 1);
    room.transport.script = () => {
      throw new TypeError('Asha Verma is not a function');
    };
    await room.dispatcher.start();
    await room.drained();
    expect(await room.failedTasks()).toMatchObject([
      { logId, cause: 'EXCEPTION', certainty: 'UNKNOWN', attempt: 1 },
    ]);
    const log = await room.store.getLog(logId);
    expect(log).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'HANDLER' });
    expect(JSON.stringify([log?.errorMessage, room.troubles])).not.toContain('Asha');
    expect(log?.errorMessage).toContain('TypeError');
  });

  test('by an exception before the stamp was not sent', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    const [logId = ''] = await room.queue(rule, 1);
    const broken = room.lookup.rules.get(rule) as unknown as Record<string, unknown>;
    broken['headers'] = new Proxy(
      { 'x-a': '1' },
      {
        get: () => {
          throw new RangeError('no');
        },
      },
    );
    await room.dispatcher.start();
    await room.drained();
    expect(await room.failedTasks()).toMatchObject([
      { logId, cause: 'EXCEPTION', certainty: 'NOT_SENT' },
    ]);
    expect(await room.store.getLog(logId)).toMatchObject({ certainty: 'NOT_SENT', attempts: [] });
    expect(room.transport.sent).toEqual([]);
  });

  test('and that the store would not bury is buried later, its lease not being renewed meanwhile', async () => {
    const renewed: number[][] = [];
    let isRefusing = true;
    room = await dispatching({
      timings: { lease: 60 },
      wrap: (port) => ({
        bury: (death) => (isRefusing ? Promise.reject(new TypeError('a bug')) : port.bury(death)),
        extendLeases: (request) => {
          renewed.push(request.of);
          return port.extendLeases(request);
        },
      }),
    });
    const rule = await room.addRule();
    const [dead = '', next = ''] = await room.queue(rule, 2, { orderingKey: 'A' });
    room.transport.script = ({ headers }) => {
      if (headers['webhook-id'] === dead) throw new TypeError('no');
      return answered();
    };
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.troubles).toContainEqual(expect.stringMatching(/^bury/)));
    // Another delivery keeps the leases being renewed.
    room.transport.script = null;
    await room.queue(await room.addRule(), 1);
    await vi.waitFor(() => expect(renewed).toContainEqual([3]));
    expect(room.dispatcher.inFlight).toBe(1);

    isRefusing = false;
    await vi.waitFor(async () =>
      expect(await room.failedTasks()).toMatchObject([{ logId: dead, cause: 'EXCEPTION' }]),
    );
    // Told once, however often it was tried again.
    expect(room.troubles.filter((line) => line.startsWith('bury'))).toHaveLength(1);
    await room.store.releaseOrderingKey({ logId: dead, reason: 'test', actor: 'Anna', now: 1 });
    await vi.waitFor(() => expect(room.transport.keys).toContain(next));
  });

  test('by hanging beyond its time-out is given up, and its slot goes on', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 1;
    const rule = await room.addRule({ timeoutMs: 50 });
    const [hung = '', next = ''] = await room.queue(rule, 2);
    room.transport.script = null;
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    const [call] = room.transport.open;
    room.transport.script = () => answered();
    await room.drained();
    expect(await room.failedTasks()).toMatchObject([
      { logId: hung, cause: 'TIMEOUT', certainty: 'UNKNOWN' },
    ]);
    expect(await room.store.getLog(next)).toMatchObject({ status: 'SUCCESS' });

    // It comes to its end after all: too late to be told of as this attempt's outcome.
    call?.end(answered());
    await vi.waitFor(() => expect(room.transport.open).toEqual([]));
    expect(await room.store.getLog(hung)).toMatchObject({ status: 'FAIL', errorKind: 'HANDLER' });
    expect(room.dispatcher.inFlight).toBe(0);
  });

  test('by a fault of its own in the store does not block its slot for ever', async () => {
    const broken = () => new LabRelayError('INTERNAL', 'A rule of the store was broken');
    room = await dispatching({ wrap: (port) => ({ settle: refusing(1, port.settle, broken) }) });
    const rule = await room.addRule();
    const [first = '', second = ''] = await room.queue(rule, 2);
    room.lookup.settings.maxConcurrency = 1;
    await room.dispatcher.start();
    await room.drained();
    expect(await room.failedTasks()).toMatchObject([
      { logId: first, cause: 'EXCEPTION', certainty: 'UNKNOWN' },
    ]);
    expect(await room.store.getLog(second)).toMatchObject({ status: 'SUCCESS' });
  });
});

describe('a store that cannot be written', () => {
  test('while an outcome is due loses none, and nothing more is sent than there are slots', async () => {
    room = await dispatching({ wrap: (port) => ({ settle: refusing(30, port.settle) }) });
    room.lookup.settings.maxConcurrency = 3;
    const rule = await room.addRule();
    const logIds = await room.queue(rule, 12);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.troubles.length).toBeGreaterThan(10));
    expect(room.transport.sent.length).toBe(3);
    await room.drained();
    expect(room.troubles.filter((trouble) => trouble.startsWith('settle'))).toHaveLength(30);
    for (const logId of logIds) {
      expect(await room.store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
    }
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
  });

  test('while an attempt is to be stamped holds it, and sends it once when it can', async () => {
    room = await dispatching({ wrap: (port) => ({ stamp: refusing(10, port.stamp) }) });
    const rule = await room.addRule();
    const logIds = await room.queue(rule, 5);
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
    expect(await room.failedTasks()).toEqual([]);
  });

  test('while tasks are to be claimed is asked again', async () => {
    room = await dispatching({ wrap: (port) => ({ claim: refusing(3, port.claim) }) });
    const rule = await room.addRule();
    await room.queue(rule, 2);
    await room.dispatcher.start();
    await room.drained();
    expect(room.transport.sent).toHaveLength(2);
    expect(room.troubles).toHaveLength(3);
  });

  test('while a disabled rule’s task is given back does not bury it', async () => {
    room = await dispatching({ wrap: (port) => ({ release: refusing(3, port.release) }) });
    const rule = await room.addRule();
    await room.queue(rule, 1);
    // Switched off in memory first: the claim does not know yet.
    const known = room.lookup.rules.get(rule);
    if (known) room.lookup.rules.set(rule, { ...known, isActive: false });
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.troubles).toHaveLength(3));
    expect(await room.failedTasks()).toEqual([]);
    expect(room.transport.sent).toEqual([]);
  });

  test('at the end of a stop keeps nothing from stopping; the next start takes the claims back', async () => {
    room = await dispatching({ wrap: (port) => ({ release: refusing(100, port.release) }) });
    room.lookup.settings.maxConcurrency = 1;
    room.transport.script = null;
    const rule = await room.addRule();
    await room.queue(rule, 3);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    const stopped = room.dispatcher.stop();
    room.transport.answerAll();
    await stopped;
    room.transport.script = () => answered();
    expect((await room.dispatcher.start()).requeued).toBeGreaterThan(0);
    await room.drained();
    expect(new Set(room.transport.keys).size).toBe(3);
  });
});

describe('a store that stays full', () => {
  test('does not keep a stop from ending: what is not told of is UNKNOWN at the next start', async () => {
    let isFull = false;
    const full =
      <A extends unknown[], R>(command: (...input: A) => Promise<R>) =>
      (...input: A): Promise<R> =>
        isFull ? Promise.reject(diskFull()) : command(...input);
    room = await dispatching({
      wrap: (port) => ({ settle: full(port.settle), release: full(port.release) }),
    });
    room.lookup.settings.maxConcurrency = 1;
    room.transport.script = null;
    const rule = await room.addRule();
    const [inDoubt = '', waiting = ''] = await room.queue(rule, 2);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    isFull = true;
    room.transport.answerAll();
    await room.dispatcher.stop();
    expect(room.settled).toEqual([]);

    isFull = false;
    room.transport.script = () => answered();
    expect(await room.dispatcher.start()).toEqual({ requeued: 1, unknown: 1, failed: 0 });
    await room.drained();
    expect(room.transport.keys).toEqual([inDoubt, waiting]);
    expect(await room.store.getLog(inDoubt)).toMatchObject({ status: 'FAIL', errorKind: 'CRASH' });
  });
});
