import { beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport } from '../../src/shared/model/delivery.ts';
import type { ClaimedTask } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});

const claim = (now: number) => store.claim({ worker: 'w', limit: 10, leaseUntil: 9e12, now });
const settle = (task: ClaimedTask, outcome: Partial<AttemptReport>) =>
  store.settle({
    taskId: task.taskId,
    report: report(task.logId, { attempt: task.attempt, ...outcome }),
    reportOverHttp: null,
  });
describe('a failed task of an ordering key', () => {
  test('behind a newer one that was accepted is queued for a reason only, and tells that it waits', async () => {
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    const [first] = await claim(1_000);
    if (!first) throw new Error('nothing claimed');
    await store.bury({
      taskId: first.taskId,
      cause: 'EXCEPTION',
      errorMessage: 'x',
      stamped: false,
      at: 1_500,
    });
    const requeue = (reason: string | null) =>
      store.requeueFailedTask({ failedTaskId: 1, reason, actor: 'anna', now: 3_000 });
    const { task: second } = await stampNext(store);
    await settle(second, {});
    expect(await requeue(null)).toEqual({ outcome: 'NEWER_ACCEPTED' });
    expect(await requeue('the lab wants it')).toMatchObject({ outcome: 'REQUEUED' });
    expect(await store.getLog(first.logId)).toMatchObject({
      status: 'FAIL',
      retryState: 'SCHEDULED',
      retryCount: 1,
    });
    const { task } = await stampNext(store);
    await settle(task, {});
    expect(await store.getLog(first.logId)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'NONE',
    });
  });
});
