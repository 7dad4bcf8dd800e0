import { beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport, ClaimedTask } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import {
  configure,
  delivery,
  event,
  report,
  settleAs,
  stampNext,
  statesIn,
  UNREACHED,
} from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});

const FROM_OUTSIDE = { reporter: 'partner', activityDate: 5_000, receivedAt: 5_000 };

const claim = (now: number) => store.claim({ worker: 'w', limit: 10, leaseUntil: 9e12, now });
const settle = (task: ClaimedTask, outcome: Partial<AttemptReport>) =>
  settleAs(store, task, outcome);
const states = () => statesIn(store.file);

describe('a message of which it is told that the partner has it', () => {
  test.each([
    { status: 'SUCCESS', certainty: 'ACCEPTED' },
    { status: 'QUEUED', certainty: 'COMMITTED' },
    { status: 'SUPPRESSED', certainty: 'ACCEPTED' },
  ] as const)('is not sent once its endpoint is up again ($status)', async (told) => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    await settle(task, UNREACHED);
    expect(states()).toEqual(['READY']);
    await store.report(report(task.logId, { attempt: 1, ...told, ...FROM_OUTSIDE }));
    expect(states()).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({
      ...told,
      retryState: 'NONE',
      heldReason: null,
    });
  });

  test('is not sent once more where it was buried in doubt and queued again', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    await store.bury({
      taskId: task.taskId,
      cause: 'TIMEOUT',
      errorMessage: 'hung',
      stamped: true,
      at: 2_000,
    });
    await store.requeueFailedTask({ failedTaskId: 1, reason: 'again', actor: 'anna', now: 3_000 });
    expect(states()).toEqual(['READY']);
    await store.report(report(task.logId, { attempt: 1, ...FROM_OUTSIDE }));
    expect(states()).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
  });

  test('is not sent where it is claimed but not stamped yet', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    await settle(task, UNREACHED);
    const [again] = await claim(60_000);
    await store.report(report(task.logId, { attempt: 1, ...FROM_OUTSIDE }));
    const isStamped = await store.stamp({
      worker: 'w',
      stamp: {
        taskId: again?.taskId ?? 0,
        logId: task.logId,
        attempt: 2,
        kind: 'AUTO',
        revision: 1,
        configVersion: 1,
        endPoint: 'x',
        requestMethod: 'POST',
        requestHeaders: {},
        startedAt: 60_000,
      },
    });
    expect(isStamped).toBe(false);
    expect((await store.getLog(task.logId))?.attempts).toHaveLength(1);
  });

  test('lets the next of its ordering key go', async () => {
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    const { task } = await stampNext(store);
    await settle(task, UNREACHED);
    expect(states()).toEqual(['READY', 'WAITING']);
    await store.report(report(task.logId, { attempt: 1, ...FROM_OUTSIDE }));
    expect(states()).toEqual(['READY']);
    expect((await claim(60_000)).map(({ logId }) => logId === task.logId)).toEqual([false]);
  });

  test('does not wait for its endpoint, though our own attempt did not reach it', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    await store.report(report(task.logId, { attempt: 1, ...FROM_OUTSIDE }));
    // The attempt under way ends by itself.
    expect(states()).toEqual(['CLAIMED']);
    await settle(task, { ...UNREACHED, activityDate: 6_000 });
    expect(states()).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS', heldReason: null });
  });
});
