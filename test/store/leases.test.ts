import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AttemptReport, type ClaimedTask, stampOf } from '../../src/shared/model/delivery.ts';
import {
  type Lease,
  LEASED_BYTES,
  LONGEST_LEASE_MS,
  REPORT_WITHIN_MS,
} from '../../src/shared/model/lease.ts';
import { HELD_FOR_UNKNOWN_MS } from '../../src/shared/model/ordering.ts';
import { openLocalStore } from './local-store.ts';
import {
  configure,
  delivery,
  event,
  report,
  RULE,
  stampNext,
  statesIn,
  UNREACHED,
} from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store, { executor: 'external' });
});
afterEach(async () => {
  await store.close();
});

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);

async function queue(count = 1, log = {}, body?: string): Promise<string[]> {
  const deliveries = Array.from({ length: count }, () => delivery(rule, log, body));
  await store.acceptEvent(event(deliveries));
  return deliveries.map((one) => one.log.logId);
}

function leaseSome(token = A, more = {}): Promise<ClaimedTask[]> {
  return store.lease({
    token,
    worker: 'fusion 1',
    labIntegrationId: null,
    limit: 10,
    leaseUntil: 60_000,
    now: 1_000,
    ...more,
  });
}

const leaseOf = ({ logId, attempt }: ClaimedTask, token = A): Lease => ({ logId, attempt, token });

const stampFor = (task: ClaimedTask, startedAt = 2_000) =>
  stampOf(task, {
    configVersion: 1,
    endPoint: RULE.endPoint,
    requestMethod: 'POST',
    requestHeaders: {},
    startedAt,
  });

function start(task: ClaimedTask, token = A, now = 2_000): Promise<number | null> {
  const stamp = stampFor(task, now);
  return store.startLease({ lease: leaseOf(task, token), stamp, leaseUntil: now + 5_000, now });
}

function settle(task: ClaimedTask, outcome: Partial<AttemptReport> = {}, token = A, now = 3_000) {
  return store.settleLease({
    lease: leaseOf(task, token),
    report: report(task.logId, { attempt: task.attempt, reporter: 'worker', ...outcome }),
    stamp: stampFor(task, now),
    goesBack: false,
    now,
  });
}

const recover = (now: number, atStart = false) => store.recover({ worker: 'w', now, atStart });

async function leaseOne(): Promise<ClaimedTask> {
  await queue();
  const [task] = await leaseSome();
  if (!task) throw new Error('nothing was leased');
  return task;
}

describe('who is given a task', () => {
  test('an outside worker alone, where the rule is external', async () => {
    const [logId] = await queue();
    expect(await store.claim({ worker: 'w', limit: 10, leaseUntil: 9, now: 1 })).toEqual([]);
    expect(await leaseSome()).toMatchObject([{ logId, attempt: 1, body: '{"a":1}' }]);
    expect(await leaseSome(B)).toEqual([]);
  });

  test('our own dispatcher alone, where it is local', async () => {
    rule = await configure(store, { executor: 'local', name: 'local' });
    await queue();
    expect(await leaseSome()).toEqual([]);
    expect((await stampNext(store)).stamped).toBe(true);
  });

  test('whoever the rule says now, from the commit that changed it', async () => {
    await queue(2);
    await store.configuration.saveLabIntegration({
      labIntegrationId: rule,
      expectedVersion: null,
      settings: { ...RULE, executor: 'local' },
      changedBy: 'test',
      now: 1,
    });
    expect(await leaseSome()).toEqual([]);
    expect(await store.claim({ worker: 'w', limit: 10, leaseUntil: 9, now: 1 })).toHaveLength(2);
  });

  test('of one integration, where the worker asks for that', async () => {
    const other = await configure(store, { executor: 'external', name: 'other' });
    await queue();
    expect(await leaseSome(A, { labIntegrationId: other })).toEqual([]);
    expect(await leaseSome(A, { labIntegrationId: rule })).toHaveLength(1);
  });

  test('STAT first, and no more than the concurrency has room for', async () => {
    rule = await configure(store, { executor: 'external', name: 'two', maxConcurrency: 2 });
    const [, , urgent] = [...(await queue(2)), ...(await queue(1, { priority: 'STAT' }))];
    const tasks = await leaseSome();
    expect(tasks.map(({ logId }) => logId)[0]).toBe(urgent);
    expect(tasks).toHaveLength(2);
    expect(await leaseSome(B)).toEqual([]);
  });

  test('one of an ordering key at a time', async () => {
    const [first, second] = [
      ...(await queue(1, { orderingKey: 'ACC-1' })),
      ...(await queue(1, { orderingKey: 'ACC-1' })),
    ];
    const [head, ...rest] = await leaseSome();
    expect(head?.logId).toBe(first);
    expect(rest).toEqual([]);
    if (!head) return;
    await start(head);
    await settle(head);
    expect(await leaseSome(B)).toMatchObject([{ logId: second }]);
  });

  test('no more than its rate allows, and our own dispatcher does not wake for it', async () => {
    rule = await configure(store, { executor: 'external', name: 'slow', ratePerMinute: 60 });
    await queue(3);
    expect(await leaseSome()).toHaveLength(1);
    expect(await store.nextDueAt({ now: 1_000 })).toBeNull();
  });

  test('nothing of a rule that is switched off', async () => {
    await queue();
    await store.configuration.saveLabIntegration({
      labIntegrationId: rule,
      expectedVersion: null,
      settings: { ...RULE, executor: 'external', isActive: false },
      changedBy: 'test',
      now: 1,
    });
    expect(await leaseSome()).toEqual([]);
  });

  test('no more bodies than one answer can carry; the rest stays in the queue', async () => {
    const body = JSON.stringify('x'.repeat(LEASED_BYTES / 2));
    await queue(3, {}, body);
    expect(await leaseSome()).toHaveLength(1);
    expect(statesIn(store.file)).toEqual(['CLAIMED', 'READY', 'READY']);
    expect(await leaseSome(B)).toHaveLength(1);
  });
});

describe('a lease', () => {
  test('stamps its attempt, once, and is extended for the call', async () => {
    const task = await leaseOne();
    expect(await start(task, A, 57_000)).toBe(62_000);
    expect(await start(task, A, 57_500)).toBe(62_500);
    expect(await store.getLog(task.logId)).toMatchObject({
      stage: 'DISPATCHED',
      attempts: [{ attempt: 1, status: null, startedAt: 57_000 }],
    });
  });

  test('of another token starts, settles and extends nothing', async () => {
    const task = await leaseOne();
    expect(await start(task, B)).toBeNull();
    expect(await settle(task, {}, B)).toEqual({ outcome: 'LOST' });
    const other = { lease: leaseOf(task, B), leaseUntil: 99_000, now: 2_000 };
    expect(await store.extendLease(other)).toBeNull();
    expect(await store.releaseLease({ lease: leaseOf(task, B) })).toBe(false);
    expect(await start(task)).not.toBeNull();
  });

  test('that has run out starts nothing, also before it is taken back', async () => {
    const task = await leaseOne();
    expect(await start(task, A, 60_000)).toBeNull();
    const request = { lease: leaseOf(task), leaseUntil: 99_000, now: 60_000 };
    expect(await store.extendLease(request)).toBeNull();
  });

  test('is never made shorter', async () => {
    const task = await leaseOne();
    const request = { lease: leaseOf(task), leaseUntil: 10_000, now: 5_000 };
    expect(await store.extendLease(request)).toBe(60_000);
    expect(await store.extendLease({ ...request, leaseUntil: 70_000 })).toBe(70_000);
  });

  test('settles as an attempt of our own does', async () => {
    const task = await leaseOne();
    await start(task);
    expect(await settle(task)).toEqual({
      outcome: 'SETTLED',
      end: {
        labIntegrationId: rule,
        endPoint: RULE.endPoint,
        breaker: null,
        wentOn: null,
        retry: null,
      },
    });
    expect(statesIn(store.file)).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      responseBody: 'fine',
    });
  });

  test('is told that the key goes on, and what the outcome did to the breaker', async () => {
    await queue(2, { orderingKey: 'ACC-1' });
    const [task] = await leaseSome();
    if (!task) return;
    await start(task);
    const settled = await settle(task, { certainty: 'REFUSED', status: 'FAIL' });
    expect(settled).toMatchObject({ end: { wentOn: { labIntegrationId: rule } } });
    const [next] = await leaseSome(B);
    if (!next) throw new Error('the next of the key was not ready');
    await start(next, B);
    const opened = await settle(next, UNREACHED, B);
    expect(opened).toMatchObject({ end: { breaker: { kind: 'OPENED', reason: 'ENDPOINT_DOWN' } } });
  });

  test('holds its key by our clock, whatever the worker’s says', async () => {
    await queue(2, { orderingKey: 'ACC-1' });
    const late = HELD_FOR_UNKNOWN_MS * 10;
    const [task] = await leaseSome(A, { now: late, leaseUntil: late + 60_000 });
    if (!task) return;
    await start(task, A, late);
    const outcome = { status: 'FAIL', certainty: 'UNKNOWN', activityDate: 1 } as const;
    await settle(task, outcome, A, late);
    expect((await store.tendOrder({ now: late + HELD_FOR_UNKNOWN_MS - 1 })).expired).toEqual([]);
    expect((await store.tendOrder({ now: late + HELD_FOR_UNKNOWN_MS })).expired).toHaveLength(1);
  });

  test('that has started nothing ends only with "nothing was sent"', async () => {
    const task = await leaseOne();
    expect(await settle(task)).toEqual({ outcome: 'NOT_STARTED' });
    expect(await settle(task, { certainty: 'UNKNOWN', status: 'FAIL' })).toEqual({
      outcome: 'NOT_STARTED',
    });
    expect(statesIn(store.file)).toEqual(['CLAIMED']);
    expect(await settle(task, UNREACHED)).toMatchObject({ outcome: 'SETTLED' });
    // The endpoint is down: it waits in its place for the probe.
    expect(statesIn(store.file)).toEqual(['READY']);
    expect(await store.getLog(task.logId)).toMatchObject({
      heldReason: 'ENDPOINT_DOWN',
      attempts: [{ certainty: 'NOT_SENT', errorKind: 'CONNECT' }],
    });
  });

  test('can be given back, unless its attempt was started', async () => {
    const task = await leaseOne();
    expect(await store.releaseLease({ lease: leaseOf(task) })).toBe(true);
    expect(statesIn(store.file)).toEqual(['READY']);
    const [again] = await leaseSome(B);
    if (!again) throw new Error('it was not given back');
    await start(again, B);
    expect(await store.releaseLease({ lease: leaseOf(again, B) })).toBe(false);
  });

  test('is taken back while nothing was started for it', async () => {
    await queue(2);
    const [started] = await leaseSome(A, { limit: 1 });
    await leaseSome(B, { limit: 1 });
    if (!started) return;
    await start(started);
    expect(await store.takeBackLeases({ labIntegrationId: rule + 1 })).toBe(0);
    expect(await store.takeBackLeases({ labIntegrationId: null })).toBe(1);
    expect(statesIn(store.file)).toEqual(['CLAIMED', 'READY']);
  });

  test('taken back from a rule that is off leaves its task held', async () => {
    const task = await leaseOne();
    await store.configuration.saveLabIntegration({
      labIntegrationId: rule,
      expectedVersion: null,
      settings: { ...RULE, executor: 'external', isActive: false },
      changedBy: 'test',
      now: 1,
    });
    expect(await store.takeBackLeases({ labIntegrationId: rule })).toBe(1);
    expect(await store.getLog(task.logId)).toMatchObject({ heldReason: 'INTEGRATION_DISABLED' });
    expect(await start(task)).toBeNull();
  });
});

describe('a lease that runs out', () => {
  test('before the start leaves its task to the next, and is no crash of ours', async () => {
    const task = await leaseOne();
    expect(await recover(60_000)).toEqual({ requeued: 0, unknown: 0, failed: 0 });
    expect(await recover(60_001)).toEqual({ requeued: 1, unknown: 0, failed: 0 });
    expect(await leaseSome(B, { leaseUntil: 200_000, now: 61_000 })).toMatchObject([
      { logId: task.logId, attempt: 1, crashes: 0 },
    ]);
  });

  test('fences its worker off: the task is somebody else’s', async () => {
    const task = await leaseOne();
    await recover(60_001);
    const [again] = await leaseSome(B, { leaseUntil: 200_000, now: 61_000 });
    if (!again) throw new Error('it was not requeued');
    expect(await start(task, A, 62_000)).toBeNull();
    await start(again, B, 62_000);
    expect(await settle(task, {}, A, 63_000)).toEqual({ outcome: 'LOST' });
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'PENDING' });
    expect(await settle(again, {}, B, 64_000)).toMatchObject({ outcome: 'SETTLED' });
    // The first has not started the attempt, so it has nothing to add afterwards either.
    expect(await settle(task, { status: 'FAIL', certainty: 'REFUSED' }, A, 65_000)).toEqual({
      outcome: 'LOST',
    });
  });

  test('after the start is UNKNOWN, and its key waits as the rule says', async () => {
    await queue(2, { orderingKey: 'ACC-1' });
    const [task] = await leaseSome();
    if (!task) return;
    await start(task);
    expect(await recover(60_001)).toEqual({ requeued: 0, unknown: 1, failed: 0 });
    expect(await store.getLog(task.logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'LEASE_EXPIRED',
      errorMessage: expect.stringContaining('outside worker'),
    });
    expect((await store.orderFigures({ now: 60_001 })).heldKeys.HEAD_UNKNOWN).toBe(1);
  });

  test('is heard late, where it had started the attempt', async () => {
    await queue(2, { orderingKey: 'ACC-1' });
    const [task] = await leaseSome();
    if (!task) return;
    await start(task);
    await recover(60_001);
    const late = { activityDate: 2_500, receivedAt: 70_000 };
    expect(await settle(task, late, A, 70_000)).toMatchObject({
      outcome: 'LATE',
      changed: true,
      wentOn: { labIntegrationId: rule },
    });
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS' });
    expect(await settle(task, late, A, 71_000)).toMatchObject({ outcome: 'LATE', changed: false });
  });

  test('outlives a start of the engine, whoever was under way in it', async () => {
    await queue(2);
    const [started] = await leaseSome(A, { limit: 1 });
    await leaseSome(B, { limit: 1 });
    if (!started) return;
    await start(started);
    expect(await recover(5_000, true)).toEqual({ requeued: 0, unknown: 0, failed: 0 });
    expect(await settle(started)).toMatchObject({ outcome: 'SETTLED' });
  });

  test('is not kept for ever by a clock that was set back', async () => {
    const far = 10_000_000;
    await queue();
    await leaseSome(A, { now: far, leaseUntil: far + LONGEST_LEASE_MS });
    const longest = LONGEST_LEASE_MS + REPORT_WITHIN_MS;
    expect((await recover(far + LONGEST_LEASE_MS - longest)).requeued).toBe(0);
    expect((await recover(far + LONGEST_LEASE_MS - longest - 1)).requeued).toBe(1);
  });
});

describe('the figures', () => {
  test('tell for each external rule what waits, is leased and is started', async () => {
    await queue(2, { createdAt: 3_000 });
    const [task] = await leaseSome(A, { limit: 2 });
    if (!task) return;
    await start(task);
    await queue(1, { createdAt: 9_000, priority: 'STAT' });
    await queue(1, { createdAt: 8_000 });
    await configure(store, { executor: 'local', name: 'local' });
    const off = await configure(store, { executor: 'external', name: 'nothing to do' });
    expect(await store.leaseFigures()).toEqual([
      { labIntegrationId: rule, ready: 2, oldestReadyAt: 8_000, leased: 1, started: 1 },
      { labIntegrationId: off, ready: 0, oldestReadyAt: null, leased: 0, started: 0 },
    ]);
  });
});

describe('a report over the callback route', () => {
  const told = (task: ClaimedTask, more: Partial<AttemptReport> = {}) =>
    store.report(report(task.logId, { reporter: 'worker', receivedAt: 3_000, ...more }));

  test('ends the task of the attempt that a lease has started', async () => {
    await queue(2, { orderingKey: 'ACC-1' });
    const [task] = await leaseSome();
    if (!task) return;
    await start(task);
    expect(await told(task)).toMatchObject({
      outcome: 'APPLIED',
      leaseEnd: { labIntegrationId: rule, endPoint: RULE.endPoint },
      wentOn: { labIntegrationId: rule },
    });
    expect(statesIn(store.file)).toEqual(['READY']);
    expect(await told(task)).toEqual({ outcome: 'UNCHANGED', logId: task.logId });
    expect(await settle(task)).toMatchObject({ outcome: 'LATE', changed: false });
  });

  test('may leave the attempt out, which is then the newest', async () => {
    const task = await leaseOne();
    await start(task);
    await told(task, { attempt: null, status: 'SUPPRESSED' });
    expect(statesIn(store.file)).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUPPRESSED' });
  });

  test('of a stage ends nothing', async () => {
    const task = await leaseOne();
    await start(task);
    const stage = { status: null, certainty: null, stage: 'MIRTH' } as const;
    expect(await told(task, stage)).not.toHaveProperty('leaseEnd');
    expect(statesIn(store.file)).toEqual(['CLAIMED']);
  });

  test('of an attempt that was not started is of none', async () => {
    const task = await leaseOne();
    expect(await told(task)).toMatchObject({ outcome: 'UNKNOWN_ATTEMPT' });
  });

  test('of an earlier attempt leaves the one under way alone', async () => {
    const task = await leaseOne();
    await start(task);
    await settle(task, UNREACHED);
    const [again] = await leaseSome(B, { now: 30_000, leaseUntil: 90_000 });
    if (!again) throw new Error('the probe was not given out');
    expect(again.attempt).toBe(2);
    await start(again, B, 30_000);
    // It was sent after all: what is being sent now ends by itself.
    const late = { attempt: 1, activityDate: 40_000, receivedAt: 40_000 };
    expect(await told(again, late)).toEqual({ outcome: 'APPLIED', logId: again.logId });
    expect(statesIn(store.file)).toEqual(['CLAIMED']);
  });

  test('of "nothing was sent" lets it wait in its place', async () => {
    const task = await leaseOne();
    await start(task);
    expect(await told(task, UNREACHED)).toMatchObject({
      leaseEnd: { breaker: { kind: 'OPENED' } },
    });
    expect(statesIn(store.file)).toEqual(['READY']);
  });
});
