import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLocalStore } from './local-store.ts';
import { attemptEnds, endedLog, type LocalStore, retryOf, tamper } from './retrying.ts';
import { configure, delivery, event, settleAs, stampNext, statesIn } from './samples.ts';

let store: LocalStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store, { isRetryEnabled: false });
});
afterEach(() => store.close());

const cancel = (logId: string) =>
  store.cancelRetry({ logId, reason: 'not any more', actor: 'Anna', now: 7_000 });
const claim = () => store.claim({ worker: 'w', limit: 9, leaseUntil: 9e12, now: 9e11 });

describe('what is cancelled never sends', () => {
  test.each([
    ['ready', `state = 'READY'`],
    ['scheduled', `state = 'SCHEDULED', kind = 'AUTO', due_at = 900000`],
    ['held', `state = 'HELD'`],
  ])('%s', async (_, state) => {
    const logId = await endedLog(store, rule, 'REFUSED');
    await store.queueRetry(await retryOf(store, logId));
    tamper(store, `UPDATE task SET ${state}; UPDATE log SET next_retry_at = 900000`);
    expect(await cancel(logId)).toEqual({ outcome: 'CANCELLED', wentOn: null });
    const log = await store.getLog(logId);
    expect(log).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED',
      retryState: 'CANCELLED',
      nextRetryAt: null,
      heldReason: null,
    });
    expect(log?.activity.at(-1)).toMatchObject({
      actor: 'Anna',
      kind: 'CANCELLED',
      note: 'not any more',
    });
    expect(await claim()).toEqual([]);
    // Once more it changes nothing.
    expect(await cancel(logId)).toEqual({ outcome: 'NOTHING' });
    expect(await store.getLog(logId)).toEqual(log);
  });

  test('claimed but not stamped: its stamp finds no task', async () => {
    const made = delivery(rule);
    await store.acceptEvent(event([made]));
    const [task] = await claim();
    expect(await cancel(made.log.logId)).toMatchObject({ outcome: 'CANCELLED' });
    const stamp = {
      taskId: task?.taskId ?? 0,
      logId: made.log.logId,
      attempt: 1,
      kind: 'FIRST',
      revision: 1,
      configVersion: 1,
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: 8_000,
    } as const;
    expect(await store.stamp({ worker: 'w', stamp })).toBe(false);
    expect(await store.getLog(made.log.logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      retryState: 'CANCELLED',
      attempts: [],
    });
  });

  test('and those of its ordering key go on', async () => {
    const first = delivery(rule, { orderingKey: 'K' });
    const second = delivery(rule, { orderingKey: 'K', priority: 'STAT' });
    await store.acceptEvent(event([first]));
    await store.acceptEvent(event([second]));
    expect(await cancel(first.log.logId)).toEqual({
      outcome: 'CANCELLED',
      wentOn: { labIntegrationId: rule, priority: 'STAT' },
    });
    expect((await claim()).map(({ logId }) => logId)).toEqual([second.log.logId]);
  });
});

describe('an attempt in flight', () => {
  test('ends by itself, and is told so once', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    expect(await cancel(task.logId)).toEqual({ outcome: 'IN_FLIGHT' });
    expect(await cancel(task.logId)).toEqual({ outcome: 'IN_FLIGHT' });
    expect((await store.getLog(task.logId))?.activity).toHaveLength(1);
    await settleAs(store, task, { status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'TIMEOUT' });
    expect(await store.getLog(task.logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      retryState: 'CANCELLED',
    });
    expect(statesIn(store.file)).toEqual([]);
  });

  test('can be retried by hand all the same', async () => {
    const logId = await endedLog(store, rule, 'UNKNOWN');
    await store.queueRetry(await retryOf(store, logId));
    await cancel(logId);
    expect(await store.queueRetry(await retryOf(store, logId))).toMatchObject({
      outcome: 'QUEUED',
      retryCount: 2,
    });
    await attemptEnds(store, 'ACCEPTED');
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
  });
});

test('a log that nobody knows, a call and what its batch still holds back are told apart', async () => {
  expect(await cancel('none')).toEqual({ outcome: 'NOT_FOUND' });
  const made = delivery(rule, { batchId: 'batch-1' });
  await store.acceptEvent(event([made]));
  tamper(store, `UPDATE task SET state = 'RECEIVING'`);
  expect(await cancel(made.log.logId)).toEqual({ outcome: 'BATCH', batchId: 'batch-1' });
  expect(statesIn(store.file)).toEqual(['RECEIVING']);
  tamper(store, `UPDATE log SET direction = 'INBOUND'`);
  expect(await cancel(made.log.logId)).toEqual({ outcome: 'CALL' });
});
