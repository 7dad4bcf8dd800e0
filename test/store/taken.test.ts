import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport, ClaimedTask } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import {
  configure,
  delivery,
  event,
  report,
  RULE,
  settleAs,
  stampNext,
  statesIn,
  UNREACHED,
} from './samples.ts';
import { IN_DOUBT, retrying } from './scheduling.ts';

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

test('what the partner wants unseen is not tried again, though it refused it for now at first', async () => {
  const isLater = {
    status: 'FAIL',
    certainty: 'REFUSED_RETRYABLE',
    responseStatusCode: 503,
  } as const;
  rule = await configure(store, retrying());
  await store.acceptEvent(event([delivery(rule)]));
  const { task } = await stampNext(store);
  await settle(task, isLater);
  expect(states()).toEqual(['SCHEDULED']);
  const unseen = { status: 'SUPPRESSED', certainty: 'REFUSED', responseStatusCode: 422 } as const;
  await store.report(report(task.logId, { attempt: 1, ...unseen, ...FROM_OUTSIDE }));
  expect(states()).toEqual([]);
  expect(await store.getLog(task.logId)).toMatchObject({
    status: 'SUPPRESSED',
    retryState: 'NONE',
    nextRetryAt: null,
  });
});

test.each([
  ['told by the partner', (logId: string) => store.report(report(logId, { ...FROM_OUTSIDE }))],
  [
    'closed by hand as delivered',
    (logId: string) =>
      store.resolveLog({ logId, resolution: 'delivered', reason: 'r', actor: 'Anna', now: 9_000 }),
  ],
])('what has arrived after all does not count as given up: %s', async (_, arrives) => {
  rule = await configure(store, retrying({ schedule: [1_000] }));
  await store.acceptEvent(event([delivery(rule, { deliverBy: 1_800 })]));
  const { task } = await stampNext(store);
  await settle(task, IN_DOUBT);
  expect(await store.getLog(task.logId)).toMatchObject({ retryState: 'EXHAUSTED' });
  await arrives(task.logId);
  expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
});

test('what dies while it waits for its endpoint does not say any more that it waits', async () => {
  await store.acceptEvent(event([delivery(rule)]));
  const { task } = await stampNext(store);
  await settle(task, UNREACHED);
  const [again] = await claim(60_000);
  const death = { cause: 'EXCEPTION', errorMessage: 'broke', stamped: false, at: 60_000 } as const;
  await store.bury({ taskId: again?.taskId ?? 0, ...death });
  expect(await store.getLog(task.logId)).toMatchObject({ retryState: 'NONE', heldReason: null });
});

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

describe('late acceptance of an attempt that was followed by another', () => {
  const late = (logId: string) => store.report(report(logId, { attempt: 1, ...FROM_OUTSIDE }));

  /** Its first attempt is in doubt, and it was queued again by hand. */
  async function queuedAgain(): Promise<string> {
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
    return task.logId;
  }

  /** Its body is another from now on, as after an edit. */
  function correct(): void {
    const db = new Database(store.file);
    db.exec(`INSERT INTO revision (log_seq, number, body, content_type, sha256, config_version, reason,
        created_at)
      SELECT log_seq, 2, body, content_type, 'y', 1, 'EDITED', 1 FROM revision;
      UPDATE task SET revision = 2; UPDATE log SET revision = 2`);
    db.close();
  }

  test('takes out what still waits, whatever the second met', async () => {
    const logId = await queuedAgain();
    const { task } = await stampNext(store, 'w', 4_000);
    await settle(task, { ...UNREACHED, activityDate: 4_100 });
    expect(states()).toEqual(['READY']);
    await late(logId);
    expect(states()).toEqual([]);
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      retryState: 'NONE',
      heldReason: null,
      attempts: [{ status: 'SUCCESS' }, { status: 'FAIL' }],
    });
  });

  test('leaves a second that is under way alone, which ends by itself and is not tried again', async () => {
    const logId = await queuedAgain();
    const { task } = await stampNext(store, 'w', 4_000);
    await late(logId);
    expect(states()).toEqual(['CLAIMED']);
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
    await settle(task, { ...UNREACHED, activityDate: 6_000 });
    expect(states()).toEqual([]);
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', certainty: 'ACCEPTED' });
  });

  test('does not cancel a correction that was tried since', async () => {
    const logId = await queuedAgain();
    correct();
    const { task } = await stampNext(store, 'w', 4_000);
    await settle(task, { ...UNREACHED, activityDate: 4_100 });
    await late(logId);
    expect(states()).toEqual(['READY']);
    expect(await store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      attempts: [{ status: 'SUCCESS' }, { status: 'FAIL', revision: 2 }],
    });
  });

  test('does not keep a correction from waiting for its endpoint', async () => {
    const logId = await queuedAgain();
    correct();
    await late(logId);
    const { task } = await stampNext(store, 'w', 6_000);
    await settle(task, { ...UNREACHED, activityDate: 6_100 });
    expect(states()).toEqual(['READY']);
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'SCHEDULED',
      heldReason: 'ENDPOINT_DOWN',
    });
  });

  test('does not keep a correction from its retries', async () => {
    rule = await configure(store, { retryPolicy: { ...RULE.retryPolicy, schedule: [60_000] } });
    const logId = await queuedAgain();
    correct();
    await late(logId);
    const { task } = await stampNext(store, 'w', 6_000);
    await settle(task, {
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      errorKind: 'HTTP_STATUS',
      responseStatusCode: 503,
      activityDate: 6_100,
    });
    expect(states()).toEqual(['SCHEDULED']);
  });

  test('does not cancel a correction that is only queued yet', async () => {
    const logId = await queuedAgain();
    correct();
    await late(logId);
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
    expect((await claim(60_000)).map(({ revision }) => revision)).toEqual([2]);
  });
});
