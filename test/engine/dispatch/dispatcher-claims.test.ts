import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Dispatching, dispatching } from './dispatching.ts';

let room: Dispatching;
afterEach(() => room.close());

test('a rule that is switched off while its attempt is stamped sends nothing any more', async () => {
  let switchOff = async () => {};
  room = await dispatching({
    wrap: (port) => ({
      stamp: async (request) => {
        const stamped = await port.stamp(request);
        await switchOff();
        return stamped;
      },
    }),
  });
  const rule = await room.addRule();
  const [logId = ''] = await room.queue(rule, 1);
  switchOff = () => room.enable(rule, false);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.settled).toHaveLength(1));
  expect(room.transport.sent).toEqual([]);
  expect(room.breakers).toEqual([]);
  expect(await room.store.getLog(logId)).toMatchObject({
    status: 'FAIL',
    certainty: 'NOT_SENT',
    errorKind: 'CONFIGURATION',
    retryState: 'HELD',
    heldReason: 'INTEGRATION_DISABLED',
  });
});

test('one that is on again before that is settled goes out all the same', async () => {
  let switchOff = async () => {};
  let switchOn = async () => {};
  room = await dispatching({
    wrap: (port) => ({
      stamp: async (request) => {
        const stamped = await port.stamp(request);
        await switchOff();
        return stamped;
      },
      settle: async (settlement) => {
        await switchOn();
        return await port.settle(settlement);
      },
    }),
  });
  const rule = await room.addRule({ isRetryEnabled: false });
  const [logId = ''] = await room.queue(rule, 1);
  switchOff = async () => {
    switchOff = async () => {};
    await room.enable(rule, false);
  };
  switchOn = async () => {
    switchOn = async () => {};
    await room.enable(rule, true, 'RELEASE');
  };
  await room.dispatcher.start();
  await room.drained();
  expect(room.transport.sent).toHaveLength(1);
  expect(await room.store.getLog(logId)).toMatchObject({
    status: 'SUCCESS',
    retryState: 'NONE',
    attempts: [{ status: 'FAIL', certainty: 'NOT_SENT' }, { status: 'SUCCESS' }],
  });
});

describe('claims', () => {
  test('of a former life are recovered: unstamped ones are sent, stamped ones are UNKNOWN', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    const [inDoubt = '', waiting = ''] = await room.queue(rule, 2);
    const [first] = await room.store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    await room.store.stamp({
      worker: 'w',
      stamp: {
        taskId: first?.taskId ?? 0,
        logId: inDoubt,
        attempt: 1,
        kind: 'FIRST',
        revision: 1,
        configVersion: 1,
        endPoint: 'x',
        requestMethod: 'POST',
        requestHeaders: {},
        startedAt: 1,
      },
    });
    await room.store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    expect(await room.dispatcher.start()).toEqual({ requeued: 1, unknown: 1, failed: 0 });
    await room.drained();
    expect(room.transport.keys).toEqual([waiting]);
    expect(await room.store.getLog(inDoubt)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'CRASH',
    });
  });

  test('are renewed while a delivery takes its time, so that nobody else takes it', async () => {
    room = await dispatching({ timings: { lease: 900 } });
    room.transport.script = null;
    const rule = await room.addRule();
    await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    const claimedAt = Date.now();
    while (Date.now() < claimedAt + 2_000) {
      const recovery = await room.store.recover({ worker: 'x', now: Date.now(), atStart: false });
      expect(recovery).toEqual({ requeued: 0, unknown: 0, failed: 0 });
    }
  });

  test('that were committed though they were told as failed are taken up again once they have run out', async () => {
    let isFirst = true;
    room = await dispatching({
      timings: { lease: 300 },
      wrap: (port) => ({
        claim: async (request) => {
          const claimed = await port.claim(request);
          if (claimed.length === 0 || !isFirst) return claimed;
          isFirst = false;
          throw new Error('the sync of its commit failed');
        },
      }),
    });
    const rule = await room.addRule();
    const [logId] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await room.drained();
    expect(isFirst).toBe(false);
    expect(room.transport.keys).toEqual([logId]);
  });

  test('that another engine has taken meanwhile are not sent', async () => {
    room = await dispatching({ wrap: () => ({ stamp: () => Promise.resolve(false) }) });
    const rule = await room.addRule();
    await room.queue(rule, 3);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.dispatcher.inFlight).toBe(0));
    expect(room.transport.sent).toEqual([]);
    expect(await room.failedTasks()).toEqual([]);
  });

  test('of suspects are handled one at a time until stamped, and a broken one lets the next in', async () => {
    let begun = 0;
    let most = 0;
    room = await dispatching({
      wrap: (port) => ({
        begin: (request) => {
          most = Math.max(most, ++begun);
          return port.begin(request);
        },
        stamp: (request) => port.stamp(request).finally(() => begun--),
      }),
    });
    const rule = await room.addRule();
    const broken = await room.addRule();
    const [dead = ''] = await room.queue(broken, 1);
    const logIds = await room.queue(rule, 6);
    await room.store.claim({ worker: 'w', limit: 10, leaseUntil: 9e12, now: 0 });
    const settings = room.lookup.rules.get(broken) as unknown as Record<string, unknown>;
    settings['headers'] = new Proxy(
      { 'x-a': '1' },
      {
        get: () => {
          begun--;
          throw new RangeError('no');
        },
      },
    );
    expect(await room.dispatcher.start()).toMatchObject({ requeued: 7 });
    await room.drained();
    expect(most).toBe(1);
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
    expect(await room.failedTasks()).toMatchObject([{ logId: dead, cause: 'EXCEPTION' }]);
  });
});

test('a listener that fails breaks no delivery', async () => {
  room = await dispatching({
    onSettled: () => {
      throw new Error('a listener’s own trouble');
    },
  });
  const rule = await room.addRule();
  await room.queue(rule, 5);
  await room.dispatcher.start();
  await room.drained();
  expect(room.settled).toHaveLength(5);
  expect(room.troubles).toHaveLength(5);
});
