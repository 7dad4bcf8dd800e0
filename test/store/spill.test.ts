import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InboundCall } from '../../src/shared/model/call.ts';
import { type ClaimedTask, integrationPayloadOf } from '../../src/shared/model/delivery.ts';
import type { SpillRecord } from '../../src/shared/model/spill.ts';
import { openLocalStore } from './local-store.ts';
import { type LocalStore, tamper } from './retrying.ts';
import { configure, delivery, event, report, stampNext, UNREACHED } from './samples.ts';

const CALL_ID = '01900000-0000-7000-8000-000000000001';

let store: LocalStore;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

/** A delivery whose attempt is under way. */
async function sent(): Promise<ClaimedTask> {
  await store.acceptEvent(event([delivery(rule)]));
  return (await stampNext(store)).task;
}

function settlementOf(task: ClaimedTask, outcome = {}): SpillRecord {
  return {
    kind: 'SETTLEMENT',
    settlement: {
      taskId: task.taskId,
      report: report(task.logId, { attempt: task.attempt, ...outcome }),
      reportOverHttp: null,
    },
  };
}

function deathOf({ taskId, logId, attempt }: ClaimedTask): SpillRecord {
  const death = {
    taskId,
    cause: 'TIMEOUT',
    errorMessage: 'hung',
    stamped: true,
    at: 3_000,
  } as const;
  return { kind: 'DEATH', death, logId, attempt };
}

function call(logId: string): SpillRecord {
  const kept: InboundCall = {
    logId,
    arrivedAt: 1_000,
    status: 'FAIL',
    errorKind: null,
    errorMessage: null,
    labId: null,
    organizationId: null,
    actionCategoryListId: null,
    actionCategory: null,
    eventId: null,
    batchId: null,
    priority: 'ROUTINE',
    references: [],
    endPoint: '/billing/',
    requestMethod: 'POST',
    requestHeaders: {},
    requestBody: '{"a":1}',
    requestBodyCut: false,
    responseStatusCode: 503,
    responseHeaders: null,
    responseBody: null,
    responseBodyCut: false,
    responseTime: 5,
    ip: '127.0.0.1',
    origin: null,
    tokenHint: null,
    tokenOwner: null,
  };
  return { kind: 'CALL', call: kept };
}

const openTasks = async () => (await store.figures()).tasksByState;
const failedTasks = () =>
  store.listFailedTasks({ beforeId: null, limit: 10, includeRequeued: false });

describe('a spilled outcome', () => {
  test('ends its task as the settlement would have, and tells what follows from it', async () => {
    const task = await sent();
    const applied = await store.applySpilled({ sequence: 1, record: settlementOf(task) });
    expect(applied).toMatchObject({
      outcome: 'APPLIED',
      settled: { outcome: 'APPLIED', logId: task.logId, labIntegrationId: rule },
    });
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS' });
    expect(await openTasks()).toEqual({});
  });

  test('is applied once, however often it comes', async () => {
    const task = await sent();
    // Not sent: the same task waits in its place for its next attempt.
    const record = settlementOf(task, UNREACHED);
    await store.applySpilled({ sequence: 1, record });
    const before = await store.getLog(task.logId);
    expect(await store.applySpilled({ sequence: 1, record })).toEqual({ outcome: 'REPEATED' });
    expect(await store.getLog(task.logId)).toEqual(before);
  });

  test('that is in the store although its commit was told as failed ends no later attempt', async () => {
    const task = await sent();
    const record = settlementOf(task, UNREACHED);
    if (record.kind === 'SETTLEMENT') await store.settle(record.settlement);
    const waiting = await openTasks();
    const applied = await store.applySpilled({ sequence: 1, record });
    expect(applied).toEqual({ outcome: 'APPLIED', settled: null });
    expect(await openTasks()).toEqual(waiting);
    expect((await store.getLog(task.logId))?.attempts).toHaveLength(1);
  });

  test('that is to be reported over HTTP waits for that', async () => {
    const task = await sent();
    const record = settlementOf(task);
    if (record.kind !== 'SETTLEMENT') throw new Error('not a settlement');
    record.settlement.reportOverHttp = integrationPayloadOf(task);
    for (const sequence of [1, 1, 2]) await store.applySpilled({ sequence, record });
    const reports = await store.pendingReports({ afterTaskId: 0, limit: 10 });
    expect(reports.map(({ report: { logId } }) => logId)).toEqual([task.logId]);
  });

  test('whose task another engine has taken for lost is applied to its attempt', async () => {
    const task = await sent();
    await store.recover({ worker: 'w', now: 9e12, atStart: true });
    expect(await store.getLog(task.logId)).toMatchObject({ certainty: 'UNKNOWN' });
    await store.applySpilled({ sequence: 1, record: settlementOf(task) });
    expect(await store.getLog(task.logId)).toMatchObject({ status: 'SUCCESS' });
  });
});

describe('a spilled death', () => {
  test('goes to the failed-task queue, once', async () => {
    const task = await sent();
    for (const sequence of [1, 1, 2]) {
      await store.applySpilled({ sequence, record: deathOf(task) });
    }
    expect(await failedTasks()).toMatchObject([{ logId: task.logId, cause: 'TIMEOUT' }]);
  });

  test('is not taken for that of a later task which has the same id', async () => {
    const task = await sent();
    await store.settle({ taskId: task.taskId, report: report(task.logId), reportOverHttp: null });
    await sent();
    // As after a restart, which goes on from the tasks that there are.
    tamper(store, `UPDATE task SET task_id = ${task.taskId}`);
    await store.applySpilled({ sequence: 1, record: deathOf(task) });
    expect(await failedTasks()).toEqual([]);
    expect(await openTasks()).toEqual({ CLAIMED: 1 });
  });
});

test('a spilled call becomes its log, once', async () => {
  for (const sequence of [1, 1, 2]) {
    await store.applySpilled({ sequence, record: call(CALL_ID) });
  }
  expect(await store.getLog(CALL_ID)).toMatchObject({
    direction: 'INBOUND',
    responseStatusCode: 503,
    requestBody: '{"a":1}',
  });
});

describe('the order', () => {
  test('is kept: what comes behind one that is missing waits', async () => {
    const tasks = [await sent(), await sent()];
    const [first, second] = tasks.map((task) => settlementOf(task));
    const late = { sequence: 2, record: second ?? null };
    expect(await store.applySpilled(late)).toEqual({ outcome: 'OUT_OF_ORDER' });
    await store.applySpilled({ sequence: 1, record: first ?? null });
    expect(await store.applySpilled(late)).toMatchObject({ outcome: 'APPLIED' });
    expect((await store.spillState()).applied).toBe(2);
  });

  test('stops at one that the store refuses, also in one turn, and goes on once it is passed over', async () => {
    const [task, next] = [await sent(), await sent()];
    const refused = { ...call('x'), call: { requestMethod: null } } as unknown as SpillRecord;
    const answers = await Promise.allSettled([
      store.applySpilled({ sequence: 1, record: settlementOf(task) }),
      store.applySpilled({ sequence: 2, record: refused }),
      store.applySpilled({ sequence: 3, record: settlementOf(next) }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[2]).toMatchObject({ value: { outcome: 'OUT_OF_ORDER' } });
    expect((await store.spillState()).applied).toBe(1);
    await store.applySpilled({ sequence: 2, record: null });
    await store.applySpilled({ sequence: 3, record: settlementOf(next) });
    expect(await openTasks()).toEqual({});
  });
});

test('a probe changes nothing', async () => {
  const before = await store.spillState();
  await store.probeWrite();
  expect(await store.spillState()).toEqual(before);
});
