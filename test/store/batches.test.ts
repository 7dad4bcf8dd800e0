import Database from 'better-sqlite3';
import { v7 as uuid } from 'uuid';
import { beforeEach, describe, expect, test } from 'vitest';
import { createBatchListQueries } from '../../src/main/store/batch-list.ts';
import { createBatchAnswerQueries } from '../../src/main/store/batch-records.ts';
import { createBatchReleaseCommands } from '../../src/main/store/batch-release.ts';
import { createBatchCommands, createBatchQueries } from '../../src/main/store/batches.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { createOrdering } from '../../src/main/store/ordering.ts';
import { createTasks } from '../../src/main/store/tasks.ts';
import type { BatchEvent, NewBatch } from '../../src/shared/model/batch.ts';
import type { NewLog } from '../../src/shared/model/delivery.ts';
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

type LocalStore = ReturnType<typeof openLocalStore>;

let store: LocalStore;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
  return () => store.close();
});

const BATCH: NewBatch = {
  batchId: 'batch-1',
  route: '/integrationWebhookBulkAPI/',
  accessKeyId: null,
  triggeredBy: null,
  idempotency: { scope: '1 /x/', key: 'k' },
  receivedAt: 1_000,
};

const ENVELOPE = {
  labId: 1,
  actionCategory: 'BILL_GENERATED',
  priority: 'ROUTINE',
  deliverBy: null,
} as const;

/** A batch of so many records that has arrived. @returns its batch_seq */
async function sealed(records: number, batch: Partial<NewBatch> = {}): Promise<number> {
  const { batchId } = { ...BATCH, ...batch };
  await store.beginBatch({ ...BATCH, ...batch });
  const lines = Array.from({ length: records }, () => '{}').join('\n');
  await store.spoolRecords({ batchId, parcel: { position: 0, records, lines } });
  const seal = {
    batchId,
    envelope: ENVELOPE,
    records,
    bodyHash: 'h',
    expiresAt: 5_000,
    call: null,
  };
  const open = await store.sealBatch(seal);
  if (!open) throw new Error('not sealed');
  return open.batchSeq;
}

function batchEvent(position: number, log: Partial<NewLog> = {}): BatchEvent {
  const eventId = uuid();
  return {
    position,
    event: { eventId, actionCategoryListId: 1, document: '{}', bodyHash: '' },
    objects: [],
    deliveries: [delivery(rule, { batchId: 'batch-1', eventId, ...log })],
  };
}

const chunk = (batchSeq: number, events: BatchEvent[]) => ({
  batchSeq,
  labId: 1,
  accessKeyId: null,
  receivedAt: 1_000,
  from: events[0]?.position ?? 0,
  upTo: (events.at(-1)?.position ?? 0) + 1,
  isLast: false,
  events,
  rejections: [],
});

const release = (batchSeq: number) =>
  store.releaseBatch({ batchSeq, afterTaskId: 0, limit: 500, now: 1_000 });
const states = () => statesIn(store.file);
const claim = () => store.claim({ worker: 'w', limit: 100, leaseUntil: 9_000, now: 1_000 });

describe('a batch that is not complete', () => {
  test('has nothing that could be claimed, and its logs say what they wait for', async () => {
    const batchSeq = await sealed(2);
    const one = batchEvent(0);
    await store.buildBatch(chunk(batchSeq, [one]));
    expect(await claim()).toEqual([]);
    const logId = one.deliveries[0]?.log.logId ?? '';
    expect(await store.getLog(logId)).toMatchObject({
      heldReason: 'BATCH_RECEIVING',
      status: 'PENDING',
    });
    expect(await store.getBatch('batch-1')).toMatchObject({
      state: 'RECEIVING',
      accepted: 1,
      progress: { queued: 1 },
    });
  });

  test('is ready once its last record is built and it is released', async () => {
    const batchSeq = await sealed(2);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0), batchEvent(1)]));
    expect(await store.recordParcel({ batchSeq, from: 0 })).toBeNull();
    expect(states()).toEqual(['RECEIVING', 'RECEIVING']);
    expect(await release(batchSeq)).toMatchObject({ isDone: true });
    expect(states()).toEqual(['READY', 'READY']);
    expect(await store.getBatch('batch-1')).toMatchObject({ state: 'OPEN' });
  });

  test('is counted by where it stands for as long as anything of it is to be done', async () => {
    const counted = async () => (await store.figures()).batchesByState;
    const batchSeq = await sealed(1);
    expect(await counted()).toEqual({ BUILDING: 1, OPEN: 0 });
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    expect(await counted()).toEqual({ RELEASING: 1, OPEN: 0 });
    await release(batchSeq);
    expect(await counted()).toEqual({ OPEN: 1 });
    await store.beginCancel({ batchId: 'batch-1', actor: 'Anna', reason: 'test', now: 1_000 });
    await store.cancelBatchTasks({ batchSeq, afterTaskId: 0, limit: 500, now: 1_000 });
    expect(await counted()).toEqual({ OPEN: 0 });
  });

  test('keeps nothing of a chunk that met a conflict', async () => {
    const batchSeq = await sealed(2);
    const object = { kind: 'bill', id: 'B', sourceUpdatedAt: null, document: '{}' } as const;
    const good = { ...batchEvent(0), objects: [{ ...object, baseVersion: null }] };
    const bad = { ...batchEvent(1), objects: [{ ...object, baseVersion: 7 }] };
    expect(await store.buildBatch(chunk(batchSeq, [good, bad]))).toEqual({ outcome: 'CONFLICT' });
    expect(states()).toEqual([]);
    expect(await store.openBatch(batchSeq)).toMatchObject({ built: 0 });
  });

  test('takes no chunk whose forerunner is not there', async () => {
    const batchSeq = await sealed(2);
    const second = chunk(batchSeq, [batchEvent(1)]);
    expect(await store.buildBatch(second)).toEqual({ outcome: 'CONFLICT' });
    expect(states()).toEqual([]);
  });

  test('does not build a chunk twice', async () => {
    const batchSeq = await sealed(2);
    const first = chunk(batchSeq, [batchEvent(0)]);
    await store.buildBatch(first);
    expect(await store.buildBatch(first)).toEqual({ outcome: 'BUILT' });
    expect(states()).toEqual(['RECEIVING']);
  });
});

describe('an ordering key', () => {
  test('goes on in the order in which its tasks were queued, through a batch and past it', async () => {
    const batchSeq = await sealed(2);
    const key = { orderingKey: 'A' };
    const events = [batchEvent(0, key), batchEvent(1, key)];
    await store.buildBatch(chunk(batchSeq, events.slice(0, 1)));
    const single = delivery(rule, key);
    // Posted while the batch is being built, behind its first record.
    await store.acceptEvent(event([single]));
    expect(states()).toEqual(['RECEIVING', 'WAITING']);
    expect(await store.getLog(single.log.logId)).toMatchObject({
      heldReason: 'BATCH_RECEIVING',
      waitsFor: events[0]?.deliveries[0]?.log.logId,
    });
    await store.buildBatch(chunk(batchSeq, events.slice(1)));
    expect(await claim()).toEqual([]);
    await release(batchSeq);
    expect(states()).toEqual(['READY', 'WAITING', 'WAITING']);
    const sent: string[] = [];
    for (let index = 0; index < 3; index++) {
      const { task } = await stampNext(store);
      await settleAs(store, task, {});
      sent.push(task.logId);
    }
    const [first, last] = events.map(({ deliveries }) => deliveries[0]?.log.logId);
    expect(sent).toEqual([first, single.log.logId, last]);
  });

  test('is lifted by an urgent single event that waits for a batch', async () => {
    const batchSeq = await sealed(1);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0, { orderingKey: 'A' })]));
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'A', priority: 'STAT' })]));
    expect(await release(batchSeq)).toMatchObject({ urgent: [rule] });
    expect((await claim())[0]).toMatchObject({ priority: 'STAT' });
  });
});

test('a rule that was switched off meanwhile has the tasks of a batch held', async () => {
  const batchSeq = await sealed(1);
  const one = batchEvent(0);
  await store.buildBatch(chunk(batchSeq, [one]));
  await store.configuration.saveLabIntegration({
    labIntegrationId: rule,
    expectedVersion: null,
    settings: { ...RULE, isActive: false },
    changedBy: 'test',
    now: 2,
  });
  await release(batchSeq);
  expect(states()).toEqual(['HELD']);
  expect(await store.getLog(one.deliveries[0]?.log.logId ?? '')).toMatchObject({
    heldReason: 'INTEGRATION_DISABLED',
  });
});

describe('cancelling', () => {
  const cancel = { batchId: 'batch-1', actor: 'Asha', reason: 'a mistake', now: 2_000 };
  const takeOut = (batchSeq: number) =>
    store.cancelBatchTasks({ batchSeq, afterTaskId: 0, limit: 500, now: 2_000 });

  test('takes out a claim that is not stamped; its stamp fails', async () => {
    const batchSeq = await sealed(1);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    await release(batchSeq);
    const [task] = await claim();
    expect(await store.beginCancel(cancel)).toMatchObject({ state: 'CANCELLING' });
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 1, isDone: true });
    const stamp = {
      taskId: task?.taskId ?? 0,
      logId: task?.logId ?? '',
      attempt: 1,
      kind: 'FIRST',
      revision: 1,
      configVersion: 1,
      endPoint: '',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: 1,
    } as const;
    expect(await store.stamp({ worker: 'w', stamp })).toBe(false);
  });

  test('leaves what is under way', async () => {
    const batchSeq = await sealed(1);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    await release(batchSeq);
    const { task } = await stampNext(store);
    await store.beginCancel(cancel);
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 0 });
    expect(await settleAs(store, task, {})).toMatchObject({ outcome: 'APPLIED' });
    expect(await store.getBatch('batch-1')).toMatchObject({
      state: 'CANCELLED',
      progress: { sent: 1, cancelled: 0 },
    });
  });

  /** One delivery of it that died, and so is in the failed-task queue. */
  async function died(batchSeq: number): Promise<void> {
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    await release(batchSeq);
    const [task] = await claim();
    const taskId = task?.taskId ?? 0;
    const death = {
      cause: 'EXCEPTION',
      errorMessage: 'broken',
      stamped: false,
      at: 1_500,
    } as const;
    await store.bury({ taskId, ...death });
  }
  const requeue = (now: number) =>
    store.requeueFailedTask({ failedTaskId: 1, reason: null, actor: 'Asha', now });

  test('takes along what was queued once more by hand', async () => {
    const batchSeq = await sealed(1);
    await died(batchSeq);
    await requeue(1_600);
    expect(states()).toEqual(['READY']);
    expect(await store.getBatch('batch-1')).toMatchObject({ state: 'OPEN' });
    await store.beginCancel(cancel);
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 1, isDone: true });
    expect(states()).toEqual([]);
    expect(await store.getBatch('batch-1')).toMatchObject({
      state: 'CANCELLED',
      progress: { cancelled: 1 },
    });
  });

  test('does not reach what a person queues once more afterwards', async () => {
    const batchSeq = await sealed(1);
    await died(batchSeq);
    await store.beginCancel(cancel);
    await requeue(2_500);
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 0, isDone: true });
    expect(states()).toEqual(['READY']);
  });

  /** Another has three retries; one attempt of it is under way while it is cancelled. */
  async function cancelledUnderWay() {
    rule = await configure(store, {
      retryPolicy: { ...RULE.retryPolicy, schedule: [60_000, 60_000, 60_000] },
    });
    const batchSeq = await sealed(1);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    await release(batchSeq);
    const { task } = await stampNext(store);
    await store.beginCancel(cancel);
    await takeOut(batchSeq);
    return task;
  }
  const BUSY = {
    status: 'FAIL',
    certainty: 'REFUSED_RETRYABLE',
    errorKind: 'HTTP_STATUS',
    responseStatusCode: 503,
  } as const;

  test.each([
    ['was refused for now', BUSY],
    ['did not reach the partner', UNREACHED],
  ])('does not try again what was under way and %s', async (_, outcome) => {
    const task = await cancelledUnderWay();
    await settleAs(store, task, outcome);
    expect(states()).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({
      status: 'FAIL',
      certainty: outcome.certainty,
      retryState: 'CANCELLED',
      nextRetryAt: null,
      heldReason: null,
      activity: [{ actor: 'Asha', kind: 'CANCELLED', note: 'a mistake' }],
    });
    expect(await store.getBatch('batch-1')).toMatchObject({
      state: 'CANCELLED',
      progress: { queued: 0, cancelled: 1 },
    });
  });

  test('tells what was under way and refused for good as failed', async () => {
    const task = await cancelledUnderWay();
    await settleAs(store, task, { ...BUSY, certainty: 'REFUSED', responseStatusCode: 422 });
    expect(await store.getBatch('batch-1')).toMatchObject({
      progress: { failed: 1, cancelled: 0 },
    });
  });

  test('does not try again what is refused later, though it was handed on', async () => {
    const task = await cancelledUnderWay();
    await settleAs(store, task, { status: 'QUEUED', certainty: 'COMMITTED' });
    await store.report(report(task.logId, { ...BUSY, activityDate: 5_000 }));
    expect(states()).toEqual([]);
    expect(await store.getLog(task.logId)).toMatchObject({ certainty: 'REFUSED_RETRYABLE' });
  });

  test('takes out what waits for its next attempt', async () => {
    rule = await configure(store, {
      retryPolicy: { ...RULE.retryPolicy, schedule: [60_000] },
    });
    const batchSeq = await sealed(1);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    await release(batchSeq);
    const { task } = await stampNext(store);
    await settleAs(store, task, BUSY);
    expect(states()).toEqual(['SCHEDULED']);
    await store.beginCancel(cancel);
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 1 });
    expect(await store.getLog(task.logId)).toMatchObject({
      status: 'FAIL',
      retryState: 'CANCELLED',
      nextRetryAt: null,
    });
  });

  test('of one that is still being built waits for that, and releases nothing', async () => {
    const batchSeq = await sealed(1);
    await store.beginCancel(cancel);
    await store.buildBatch(chunk(batchSeq, [batchEvent(0)]));
    expect(await release(batchSeq)).toMatchObject({ isDone: true });
    expect(states()).toEqual(['RECEIVING']);
    expect(await takeOut(batchSeq)).toMatchObject({ cancelled: 1 });
  });
});

describe('a key', () => {
  test('names one batch, until that is dropped or the key is forgotten', async () => {
    await store.beginBatch(BATCH);
    expect(await store.beginBatch({ ...BATCH, batchId: 'b' })).toMatchObject({ outcome: 'KNOWN' });
    await store.dropBatch({ batchId: 'batch-1' });
    const batchSeq = await sealed(1, { batchId: 'c' });
    expect(await store.beginBatch({ ...BATCH, batchId: 'd' })).toEqual({
      outcome: 'KNOWN',
      batchSeq,
    });
    expect(await store.purgeIdempotencyKeys(5_000)).toBe(1);
    expect(await store.beginBatch({ ...BATCH, batchId: 'e' })).toMatchObject({ outcome: 'BEGUN' });
  });

  test('that was used for a single event is refused', async () => {
    const idempotency = { scope: '1 /x/', key: 'k', bodyHash: 'h', expiresAt: 9_000 };
    await store.acceptEvent(event([], { idempotency }));
    expect(await store.beginBatch(BATCH)).toEqual({ outcome: 'KEY_OF_EVENT' });
  });

  test('that a single event has used while the batch arrived is refused, and not as our fault', async () => {
    await store.beginBatch(BATCH);
    const idempotency = { scope: '1 /x/', key: 'k', bodyHash: 'h', expiresAt: 9_000 };
    await store.acceptEvent(event([], { idempotency }));
    const parcel = { position: 0, records: 1, lines: '{}' };
    await store.spoolRecords({ batchId: 'batch-1', parcel });
    const facts = { records: 1, bodyHash: 'h', expiresAt: 5_000, call: null };
    const seal = store.sealBatch({ batchId: 'batch-1', envelope: ENVELOPE, ...facts });
    await expect(seal).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});

test('no statement about batches scans a table that grows with logs or tasks', () => {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  const statements: string[] = [];
  const prepare = db.prepare.bind(db);
  const spied = Object.create(db, {
    prepare: {
      value: (sql: string) => {
        statements.push(sql);
        return prepare(sql);
      },
    },
  }) as Database.Database;
  const tasks = createTasks(db, createOrdering(db));
  createBatchCommands(spied, () => {});
  createBatchQueries(spied);
  createBatchAnswerQueries(spied);
  createBatchListQueries(spied);
  createBatchReleaseCommands(spied, tasks);
  const scans = statements.flatMap((sql) => {
    const named = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1]);
    const marks = Array(sql.split('?').length - 1).fill(1);
    const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(
      ...marks,
      ...(named.length > 0 ? [Object.fromEntries(named)] : []),
    ) as { detail: string }[];
    return plan.filter(({ detail }) => /SCAN (log|task|t|event|batch_record)\b/.test(detail));
  });
  expect(scans).toEqual([]);
  const [counts] = prepare(
    `EXPLAIN QUERY PLAN ${statements.find((sql) => sql.includes('GROUP BY status')) ?? ''}`,
  ).all('b') as { detail: string }[];
  expect(counts?.detail).toContain('COVERING INDEX log_of_batch');
});
