import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import Database from 'better-sqlite3';
import { openStore, type Store, storeFile } from '../../src/main/store/store.ts';
import { integrationPayloadOf } from '../../src/shared/model/delivery.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let dataDir: string;
let store: Store;
let rule: number;

beforeEach(async () => {
  dataDir = temporaryFolder();
  store = await openStore({ dataDir });
  rule = await configure(store);
});
afterEach(() => store.close());

async function accept(): Promise<string> {
  const one = delivery(rule);
  await store.acceptEvent(event([one]));
  return one.log.logId;
}

/** Open entries of the failed-task queue. */
function failedTasks() {
  return store.listFailedTasks({ beforeId: null, limit: 10, includeRequeued: false });
}

async function buried(stamped: boolean): Promise<{ logId: string; failedTaskId: number }> {
  const logId = await accept();
  const { task } = await stampNext(store);
  const death = { taskId: task.taskId, cause: 'EXCEPTION', errorMessage: 'it broke' } as const;
  await store.bury({ ...death, stamped, at: 3_000 });
  const [failed] = await store.listFailedTasks({
    beforeId: null,
    limit: 1,
    includeRequeued: false,
  });
  return { logId, failedTaskId: failed?.failedTaskId ?? 0 };
}

describe('an attempt', () => {
  test('is stamped by the claim’s owner alone, and once', async () => {
    const logId = await accept();
    const { task, stamped } = await stampNext(store);
    expect(stamped).toBe(true);
    expect(task).toMatchObject({ logId, attempt: 1, revision: 1, body: '{"a":1}', kind: 'FIRST' });
    expect(await store.getLog(logId)).toMatchObject({ stage: 'DISPATCHED', status: 'PENDING' });
    const again = { taskId: task.taskId, logId, attempt: 1, kind: 'FIRST', revision: 1 } as const;
    const rest = {
      configVersion: 1,
      endPoint: 'x',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: 1,
    };
    expect(await store.stamp({ worker: 'w', stamp: { ...again, ...rest } })).toBe(false);
    expect(await store.stamp({ worker: 'other', stamp: { ...again, ...rest } })).toBe(false);
  });

  test('is settled with its outcome, and its task is done', async () => {
    const logId = await accept();
    const { task } = await stampNext(store);
    await store.settle({ taskId: task.taskId, report: report(logId), reportOverHttp: null });
    const log = await store.getLog(logId);
    expect(log).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      responseStatusCode: 200,
      responseBody: 'fine',
      responseTime: 12,
    });
    expect(log?.attempts).toHaveLength(1);
    expect((await store.figures()).tasksByState).toEqual({});
  });
});

describe('recovery', () => {
  test('requeues what was not stamped and calls UNKNOWN what was', async () => {
    await accept();
    await accept();
    const { task: stamped } = await stampNext(store);
    const [unstamped] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    const recovery = await store.recover({ worker: 'w', now: 2_000, atStart: true });
    expect(recovery).toEqual({ requeued: 1, unknown: 1, failed: 0 });
    expect(await store.getLog(stamped.logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'CRASH',
    });
    const [back] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    expect(back).toMatchObject({ logId: unstamped?.logId, crashes: 1, attempt: 1 });
  });

  test('leaves its own live claims and others’ leases alone', async () => {
    await accept();
    await store.claim({ worker: 'w', limit: 1, leaseUntil: 1, now: 0 });
    const none = { requeued: 0, unknown: 0, failed: 0 };
    expect(await store.recover({ worker: 'w', now: 5_000, atStart: false })).toEqual(none);
    expect(await store.recover({ worker: 'x', now: 0, atStart: true })).toEqual(none);
    expect(await store.recover({ worker: 'x', now: 5_000, atStart: false })).toMatchObject({
      requeued: 1,
    });
  });

  test('sends a task to the failed-task queue at its second crash, if it was handled alone then', async () => {
    const logId = await accept();
    await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    await store.recover({ worker: 'w', now: 2_000, atStart: true });
    const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    await store.begin({ worker: 'w', taskId: task?.taskId ?? 0, now: 2_100 });
    expect(await store.recover({ worker: 'w', now: 2_200, atStart: true })).toMatchObject({
      failed: 1,
    });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'HANDLER',
    });
    const [failed] = await store.listFailedTasks({
      beforeId: null,
      limit: 10,
      includeRequeued: false,
    });
    expect(failed).toMatchObject({ logId, cause: 'CRASHED_TWICE', certainty: 'NOT_SENT' });
  });

  test('many crashes of others never bury a task that was only claimed', async () => {
    await accept();
    for (let crash = 0; crash < 5; crash++) {
      await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
      expect(await store.recover({ worker: 'w', now: crash, atStart: true })).toMatchObject({
        requeued: 1,
      });
    }
  });
});

describe('the failed-task queue', () => {
  test('keeps why a task died, and its log tells whether the receiver may have it', async () => {
    const { logId } = await buried(true);
    const log = await store.getLog(logId);
    expect(log).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'HANDLER' });
    expect(log?.attempts[0]).toMatchObject({ status: 'FAIL', errorMessage: 'it broke' });
  });

  test('queues a task once more as a MANUAL attempt of the same bytes, with a reason where it is in doubt', async () => {
    const { logId, failedTaskId } = await buried(true);
    const request = { failedTaskId, actor: 'Ada', now: 4_000 };
    expect(await store.requeueFailedTask({ ...request, reason: null })).toMatchObject({
      outcome: 'REASON_NEEDED',
    });
    expect(await store.requeueFailedTask({ ...request, reason: 'asked the partner' })).toEqual({
      outcome: 'REQUEUED',
      logId,
    });
    expect(await store.requeueFailedTask({ ...request, reason: 'again' })).toEqual({
      outcome: 'ALREADY_REQUEUED',
    });
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ logId, kind: 'MANUAL', attempt: 2, revision: 1 });
    const log = await store.getLog(logId);
    expect(log?.retryCount).toBe(1);
    expect(log?.activity).toMatchObject([{ actor: 'Ada', note: 'asked the partner' }]);
  });
});

describe('a task that was tried before', () => {
  test('keeps its doubt when a later handler dies before its stamp', async () => {
    const { logId, failedTaskId } = await buried(true);
    const request = { failedTaskId, actor: 'Ada', now: 4_000 };
    await store.requeueFailedTask({ ...request, reason: 'asked the partner' });
    const [again] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    const taskId = again?.taskId ?? 0;
    const death = { cause: 'EXCEPTION', errorMessage: 'broke again', stamped: false } as const;
    await store.bury({ taskId, ...death, at: 5_000 });
    expect(await store.getLog(logId)).toMatchObject({ status: 'FAIL', certainty: 'UNKNOWN' });
    const [newest] = await failedTasks();
    expect(newest).toMatchObject({ logId, certainty: 'UNKNOWN' });
    const next = { failedTaskId: newest?.failedTaskId ?? 0, actor: 'Ada', now: 6_000 };
    expect(await store.requeueFailedTask({ ...next, reason: null })).toMatchObject({
      outcome: 'REASON_NEEDED',
    });
  });

  test('keeps a success that was reported meanwhile, and asks for a reason', async () => {
    const { logId, failedTaskId } = await buried(true);
    await store.report(report(logId));
    const request = { failedTaskId, actor: 'Ada', now: 4_000 };
    expect(await store.requeueFailedTask({ ...request, reason: null })).toMatchObject({
      outcome: 'REASON_NEEDED',
    });
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
  });
});

describe('a task whose body is damaged', () => {
  test('goes to the failed-task queue and holds up no other', async () => {
    const [damaged, sound] = [await accept(), await accept()];
    const db = new Database(storeFile(dataDir));
    db.prepare(
      `UPDATE revision SET body = x'28b52ffd0000'
       WHERE log_seq = (SELECT log_seq FROM log WHERE log_id = ?)`,
    ).run(damaged);
    db.close();
    const tasks = await store.claim({ worker: 'w', limit: 5, leaseUntil: 9e12, now: 7_000 });
    expect(tasks.map(({ logId }) => logId)).toEqual([sound]);
    expect(await failedTasks()).toMatchObject([
      { logId: damaged, cause: 'EXCEPTION', failedAt: 7_000 },
    ]);
  });
});

describe('outcomes reported over HTTP', () => {
  test('are kept with the bytes that were sent until they are taken', async () => {
    const logId = await accept();
    const { task } = await stampNext(store);
    const { taskId } = task;
    const integrationPayload = integrationPayloadOf(task);
    await store.settle({ taskId, report: report(logId), reportOverHttp: integrationPayload });
    expect(await store.getLog(logId)).toMatchObject({ status: 'PENDING' });
    expect(await store.pendingReports({ afterTaskId: 0, limit: 10 })).toEqual([
      { taskId, report: report(logId), integrationPayload, requestBody: '{"a":1}' },
    ]);
    await store.report(report(logId));
    await store.reportTaken({ taskId });
    expect(await store.pendingReports({ afterTaskId: 0, limit: 10 })).toEqual([]);
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
  });
});
