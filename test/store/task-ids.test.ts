import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type ClaimedTask,
  type IntegrationPayload,
  stampOf,
} from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { endedLog, type LocalStore, retryOf } from './retrying.ts';
import { configure, delivery, event, report, settleAs, stampNext, statesIn } from './samples.ts';
import { LATER, retrying } from './scheduling.ts';

let store: LocalStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

const cancel = (logId: string) =>
  store.cancelRetry({ logId, reason: 'not any more', actor: 'Anna', now: 3_000 });

async function claimOne(): Promise<ClaimedTask> {
  const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 1_500 });
  if (!task) throw new Error('nothing to claim');
  return task;
}

async function queueOne(): Promise<string> {
  const made = delivery(rule);
  await store.acceptEvent(event([made]));
  return made.log.logId;
}

const stamp = (task: ClaimedTask) =>
  store.stamp({
    worker: 'w',
    stamp: stampOf(task, {
      configVersion: 1,
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: 2_000,
    }),
  });

test('whoever holds a claim that was cancelled can do nothing to the delivery that came after it', async () => {
  const cancelled = await queueOne();
  const stale = await claimOne();
  await cancel(cancelled);
  const other = await queueOne();
  await claimOne();

  expect(await store.begin({ worker: 'w', taskId: stale.taskId, now: 2_000 })).toBe(false);
  expect(await stamp(stale)).toBe(false);
  await store.release({ worker: 'w', taskIds: [stale.taskId] });
  await settleAs(store, stale, {});
  const death = { cause: 'EXCEPTION', errorMessage: 'x', stamped: false, at: 2_000 } as const;
  await store.bury({ taskId: stale.taskId, ...death });

  expect(statesIn(store.file)).toEqual(['CLAIMED']);
  expect(await store.getLog(other)).toMatchObject({ status: 'PENDING', attempts: [] });
});

test('a claim that was cancelled does not send its old body as the retry that a person made since', async () => {
  const logId = await endedLog(store, rule, 'REFUSED');
  await store.queueRetry(await retryOf(store, logId));
  const stale = await claimOne();
  await cancel(logId);
  await store.queueRetry(await retryOf(store, logId));
  const fresh = await claimOne();
  expect(fresh.attempt).toBe(stale.attempt);
  expect(await stamp(stale)).toBe(false);
  expect(await stamp(fresh)).toBe(true);
});

test.each([null, {}])(
  'an outcome that is told once more uses up no further step (over HTTP: %o)',
  async (reportOverHttp) => {
    rule = await configure(store, retrying());
    const logId = await queueOne();
    const { task } = await stampNext(store);
    await settleAs(store, task, LATER);
    const scheduled = await store.getLog(logId);
    await store.settle({
      taskId: task.taskId,
      report: report(logId, LATER),
      reportOverHttp: reportOverHttp as IntegrationPayload | null,
    });
    expect(await store.getLog(logId)).toEqual(scheduled);
    expect(statesIn(store.file)).toEqual(['SCHEDULED']);
    expect((await store.dueRetries({ now: 9e12, limit: 9 }))[0]).toMatchObject({ attempt: 2 });
  },
);
