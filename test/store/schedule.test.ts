import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import { integrationPayloadOf, type NewLog } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { createMemoryQueue } from './memory-queue.ts';
import { configure, delivery, event, report, settleAs, stampNext, statesIn } from './samples.ts';
import { UNREACHED } from './samples.ts';
import { ENDED, IN_DOUBT, LATER, retrying, sendNext, startDue } from './scheduling.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

async function lab(settings: Partial<IntegrationSettings> = {}): Promise<void> {
  rule = await configure(store, { ...retrying(), ...settings });
}

async function queueOne(log: Partial<NewLog> = {}): Promise<string> {
  const one = delivery(rule, log);
  await store.acceptEvent(event([one]));
  return one.log.logId;
}

const logOf = async (logId: string) => {
  const log = await store.getLog(logId);
  if (!log) throw new Error('no log');
  return log;
};
const kindsOf = async (logId: string) => (await logOf(logId)).activity.map(({ kind }) => kind);

beforeEach(() => {
  store = openLocalStore();
});
afterEach(() => store.close());

describe('a failure that its partner may take later', () => {
  test('waits for the first step of its rule’s schedule', async () => {
    await lab();
    const logId = await queueOne();
    const { task } = await stampNext(store);
    const settled = await settleAs(store, task, LATER);
    expect(settled.retry).toEqual({
      kind: 'SCHEDULED',
      logId,
      labIntegrationId: rule,
      at: ENDED + 1_000,
    });
    expect(await logOf(logId)).toMatchObject({
      status: 'FAIL',
      retryState: 'SCHEDULED',
      nextRetryAt: ENDED + 1_000,
      retryCount: 0,
    });
    expect(statesIn(store.file)).toEqual(['SCHEDULED']);
    expect(await store.claim({ worker: 'w', limit: 9, leaseUntil: 9e12, now: 9e11 })).toEqual([]);
  });

  test('is sent again step by step until the schedule is over, which is told once', async () => {
    await lab();
    const logId = await queueOne();
    let now = ENDED;
    await sendNext(store, LATER);
    for (const wait of [1_000, 2_000, 4_000]) {
      expect(await startDue(store, now + wait - 1)).toEqual([]);
      now += wait;
      expect(await startDue(store, now)).toHaveLength(1);
      expect((await logOf(logId)).nextRetryAt).toBeNull();
      const { task } = await stampNext(store);
      expect(task.kind).toBe('AUTO');
      const settled = await settleAs(store, task, { ...LATER, activityDate: now });
      const isLast = wait === 4_000;
      expect(settled.retry?.kind).toBe(isLast ? 'EXHAUSTED' : 'SCHEDULED');
    }
    const log = await logOf(logId);
    expect(log).toMatchObject({ retryState: 'EXHAUSTED', retryCount: 3, nextRetryAt: null });
    expect(log.attempts.map(({ kind }) => kind)).toEqual(['FIRST', 'AUTO', 'AUTO', 'AUTO']);
    expect(await kindsOf(logId)).toEqual(['RETRIES_EXHAUSTED']);
    expect(statesIn(store.file)).toEqual([]);
    expect((await store.figures()).exhausted).toBe(1);
  });

  test('and is accepted then, is done', async () => {
    await lab();
    const logId = await queueOne();
    await sendNext(store, LATER);
    await startDue(store, ENDED + 1_000);
    await sendNext(store, {});
    expect(await logOf(logId)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'NONE',
      retryCount: 1,
      nextRetryAt: null,
    });
  });

  test.each([
    ['in seconds', '60', 60_000],
    ['as a date', new Date(ENDED + 120_000).toUTCString(), 120_000],
    ['of more than an hour, which is honoured for an hour', '86400', 3_600_000],
    ['of less than the schedule’s own wait', '0', 1_000],
    ['that says nothing', 'soon', 1_000],
  ])('waits as long as the partner asks, %s', async (_, retryAfter, wait) => {
    await lab();
    const logId = await queueOne();
    await sendNext(store, { ...LATER, responseHeaders: { 'retry-after': retryAfter } });
    expect((await logOf(logId)).nextRetryAt).toBe(ENDED + wait);
  });

  test('is not tried after its deadline', async () => {
    await lab();
    const logId = await queueOne({ deliverBy: ENDED + 400 });
    await sendNext(store, LATER);
    expect((await logOf(logId)).nextRetryAt).toBe(ENDED + 400);
    await startDue(store, ENDED + 400);
    const { task } = await stampNext(store);
    const settled = await settleAs(store, task, { ...LATER, activityDate: ENDED + 401 });
    expect(settled.retry).toMatchObject({ kind: 'EXHAUSTED', why: 'DEADLINE', stepsUsed: 1 });
  });

  test('is not tried again where its rule wants no retries', async () => {
    await lab({ isRetryEnabled: false });
    const logId = await queueOne();
    await sendNext(store, LATER);
    expect(await logOf(logId)).toMatchObject({ retryState: 'NONE', nextRetryAt: null });
    expect(statesIn(store.file)).toEqual([]);
  });

  test('of a rule without a schedule ends there, and is not told as exhausted', async () => {
    await lab(retrying({ schedule: [] }));
    const logId = await queueOne();
    await sendNext(store, LATER);
    expect((await logOf(logId)).retryState).toBe('NONE');
    expect(await kindsOf(logId)).toEqual([]);
  });

  test('is held with what waits where its rule was switched off meanwhile', async () => {
    await lab();
    const logId = await queueOne();
    const { task } = await stampNext(store);
    const db = new Database(store.file);
    db.exec('UPDATE lab_integration SET is_active = 0');
    db.close();
    await settleAs(store, task, LATER);
    expect(await logOf(logId)).toMatchObject({
      retryState: 'HELD',
      heldReason: 'INTEGRATION_DISABLED',
      nextRetryAt: null,
    });
  });
});

test('the wait is spread by the rule’s jitter', () => {
  let random = 0;
  const queue = createMemoryQueue(() => random);
  const id = queue.addRule(retrying({ jitter: 0.5 }));
  const waits = [0, 0.5, 0.999].map((one) => {
    random = one;
    queue.add(id, 1);
    const [task] = queue.claim(1, 0);
    if (!task) throw new Error('nothing to claim');
    queue.stamp(task, 1_500);
    const settled = queue.run('settle', {
      taskId: task.taskId,
      report: report(task.logId, LATER),
      reportOverHttp: null,
    }) as { retry: { at: number } };
    return settled.retry.at - ENDED;
  });
  expect(waits).toEqual([500, 1_000, 1_499]);
  queue.close();
});

describe('a failure in doubt', () => {
  test.each([
    ['5xx where the rule says that it takes nothing', IN_DOUBT, {}, 'SCHEDULED'],
    ['5xx where it does not', IN_DOUBT, retrying({ retry5xx: false }), 'NONE'],
    ['a broken connection', { ...IN_DOUBT, errorKind: 'CONNECTION_LOST' }, {}, 'NONE'],
    [
      'a broken connection to one that drops repeats',
      { ...IN_DOUBT, errorKind: 'CONNECTION_LOST' },
      { receiverDeduplicates: true },
      'SCHEDULED',
    ],
  ] as const)('%s', async (_, outcome, settings, retryState) => {
    await lab(settings);
    const logId = await queueOne();
    await sendNext(store, outcome);
    expect((await logOf(logId)).retryState).toBe(retryState);
  });

  test.each(['FRESH', 'STORED'] as const)('is followed by %s bytes', async (body) => {
    await lab();
    await queueOne();
    await sendNext(store, body === 'STORED' ? IN_DOUBT : LATER);
    expect(await startDue(store, ENDED + 1_000)).toMatchObject([{ body }]);
    // What was in doubt once stays so, whatever the next attempt tells.
    await sendNext(store, LATER);
    expect(await startDue(store, ENDED + 3_000)).toMatchObject([{ body }]);
  });
});

describe('every way in which an attempt ends', () => {
  test('over HTTP, once its report is taken', async () => {
    await lab();
    const logId = await queueOne();
    const { task } = await stampNext(store);
    const { taskId } = task;
    const told = report(logId, { ...LATER, responseHeaders: { 'retry-after': '9' } });
    await store.settle({ taskId, report: told, reportOverHttp: integrationPayloadOf(task) });
    await store.report(told);
    expect(statesIn(store.file)).toEqual(['REPORTING']);
    expect((await store.reportTaken({ taskId }))?.retry).toMatchObject({ at: ENDED + 9_000 });
    expect((await logOf(logId)).retryState).toBe('SCHEDULED');
  });

  test('by our own crash, where the receiver drops repeats', async () => {
    await lab({ receiverDeduplicates: true });
    const logId = await queueOne();
    await stampNext(store);
    const recovery = await store.recover({ worker: 'w', now: 5_000, atStart: true });
    expect(recovery).toMatchObject({ unknown: 1, retries: [{ kind: 'SCHEDULED', at: 6_000 }] });
    expect(await logOf(logId)).toMatchObject({ certainty: 'UNKNOWN', retryState: 'SCHEDULED' });
  });

  test('by our own crash, which ends it where nobody may repeat it', async () => {
    await lab();
    const logId = await queueOne();
    await stampNext(store);
    expect(await store.recover({ worker: 'w', now: 5_000, atStart: true })).toEqual({
      requeued: 0,
      unknown: 1,
      failed: 0,
    });
    expect(await logOf(logId)).toMatchObject({ certainty: 'UNKNOWN', retryState: 'NONE' });
  });

  test('by the death of its handler, which the schedule leaves to people', async () => {
    await lab({ receiverDeduplicates: true });
    const logId = await queueOne();
    const { task } = await stampNext(store);
    const { taskId } = task;
    await store.bury({ taskId, cause: 'TIMEOUT', errorMessage: 'x', stamped: true, at: ENDED });
    expect((await logOf(logId)).retryState).toBe('NONE');
    expect(statesIn(store.file)).toEqual([]);
  });

  test('by a late refusal of what was handed on', async () => {
    await lab();
    const logId = await queueOne();
    await sendNext(store, { status: 'QUEUED', certainty: 'COMMITTED' });
    expect(statesIn(store.file)).toEqual([]);
    const late = await store.report(report(logId, { ...LATER, receivedAt: 9_000 }));
    expect(late).toMatchObject({ outcome: 'APPLIED', retry: { kind: 'SCHEDULED', at: 10_000 } });
    expect(await startDue(store, 10_000)).toMatchObject([{ logId, attempt: 2 }]);
    expect((await stampNext(store)).task).toMatchObject({ kind: 'AUTO', attempt: 2 });
  });

  test('and a late acceptance takes out what is scheduled', async () => {
    await lab();
    const logId = await queueOne();
    await sendNext(store, IN_DOUBT);
    await store.report(report(logId, { receivedAt: 2_500, activityDate: 2_500 }));
    expect(statesIn(store.file)).toEqual([]);
    expect(await logOf(logId)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'NONE',
      nextRetryAt: null,
    });
  });
});

describe('what a person has stopped', () => {
  const cancel = (logId: string) => {
    const db = new Database(store.file);
    db.prepare(`UPDATE log SET retry_state = 'CANCELLED' WHERE log_id = ?`).run(logId);
    db.close();
  };

  test.each([
    ['its attempt failed', LATER],
    ['its endpoint was not reached', UNREACHED],
  ])('is not tried again, though it was under way and %s', async (_, outcome) => {
    await lab();
    const logId = await queueOne();
    const { task } = await stampNext(store);
    cancel(logId);
    await settleAs(store, task, outcome);
    expect((await logOf(logId)).retryState).toBe('CANCELLED');
    expect(statesIn(store.file)).toEqual([]);
  });
});

describe('an endpoint that is down', () => {
  test('is waited for without a step, before the schedule', async () => {
    await lab();
    const logId = await queueOne();
    await sendNext(store, UNREACHED);
    await sendNext(store, UNREACHED);
    expect(statesIn(store.file)).toEqual(['READY']);
    await sendNext(store, LATER);
    // The first step only now.
    expect(await logOf(logId)).toMatchObject({ nextRetryAt: ENDED + 1_000, retryCount: 0 });
  });
});
