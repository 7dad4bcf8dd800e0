import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import type { StalledAfter } from '../../src/shared/model/stalled.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, stampNext, statesIn } from './samples.ts';
import { ENDED, LATER, retrying, sendNext } from './scheduling.ts';

let store: ReturnType<typeof openLocalStore>;

async function lab(settings: Partial<IntegrationSettings> = {}): Promise<string> {
  const rule = await configure(store, { ...retrying(), ...settings });
  const one = delivery(rule);
  await store.acceptEvent(event([one]));
  return one.log.logId;
}

const sql = (text: string): void => {
  const db = new Database(store.file);
  db.exec(text);
  db.close();
};
const loseTasks = () => sql('DELETE FROM task');
const logOf = async (logId: string) => {
  const log = await store.getLog(logId);
  if (!log) throw new Error('no log');
  return log;
};

const from = (among: StalledAfter['among']) => ({ among, createdAt: 0, logSeq: 0 });
const look = (among: StalledAfter['among'], before = 9e12, limit = 10) =>
  store.stalledLogs({ after: from(among), before, limit });
const takeUp = (logSeqs = [1]) => store.takeUpStalled({ logSeqs, now: 9_000 });

beforeEach(() => {
  store = openLocalStore();
});
afterEach(() => store.close());

describe('a log that is open and has no task', () => {
  test('is queued again where it was never sent', async () => {
    const logId = await lab();
    expect(await look('PENDING')).toEqual({ logSeqs: [], next: null });
    loseTasks();
    expect(await look('PENDING')).toEqual({ logSeqs: [1], next: null });
    // Whoever has just made it may be at it.
    expect((await look('PENDING', 1_000)).logSeqs).toEqual([]);
    expect(await takeUp()).toEqual({ logIds: [logId], retries: [] });
    expect(statesIn(store.file)).toEqual(['READY']);
    expect((await stampNext(store)).task).toMatchObject({ logId, kind: 'FIRST', attempt: 1 });
    expect((await logOf(logId)).activity).toMatchObject([{ kind: 'STALLED', actor: 'LabRelay' }]);
  });

  test.each([
    ['and goes by its schedule', { receiverDeduplicates: true }, 'SCHEDULED', ['SCHEDULED']],
    ['and stays so where nobody may repeat it', {}, 'NONE', []],
  ])('is in doubt where its attempt had begun, %s', async (_, settings, retryState, states) => {
    const logId = await lab(settings);
    await stampNext(store);
    loseTasks();
    const { logIds, retries } = await takeUp();
    expect(logIds).toEqual([logId]);
    expect(retries.map(({ kind }) => kind)).toEqual(states);
    expect(await logOf(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'CRASH',
      retryState,
    });
    expect(statesIn(store.file)).toEqual(states);
  });

  test('is scheduled anew where its retry was lost, and uses up a step', async () => {
    const logId = await lab();
    await sendNext(store, LATER);
    expect((await look('SCHEDULED')).logSeqs).toEqual([]);
    loseTasks();
    expect((await look('SCHEDULED')).logSeqs).toEqual([1]);
    expect((await takeUp()).retries).toMatchObject([{ kind: 'SCHEDULED', at: 11_000 }]);
    expect((await logOf(logId)).nextRetryAt).toBe(11_000);
  });

  test('is left alone where it has a task by now, or nothing is to be done', async () => {
    await lab();
    expect((await takeUp()).logIds).toEqual([]);
    await sendNext(store, {});
    expect((await takeUp()).logIds).toEqual([]);
    expect(statesIn(store.file)).toEqual([]);
  });
});

describe('a log of a batch that is open and has no task', () => {
  const cancel = { batchId: 'batch-1', actor: 'Anna', reason: 'wrong file', now: 9_500 };

  async function ofBatch(): Promise<string> {
    const rule = await configure(store);
    const idempotency = { scope: '1 /x/', key: 'k' };
    await store.beginBatch({
      batchId: 'batch-1',
      route: '/integrationWebhookBulkAPI/',
      accessKeyId: null,
      triggeredBy: null,
      idempotency,
      receivedAt: 1_000,
    });
    sql(`UPDATE batch SET state = 'OPEN'`);
    const one = delivery(rule, { batchId: 'batch-1' });
    await store.acceptEvent(event([one]));
    loseTasks();
    return one.log.logId;
  }

  test('is taken out with it once it is queued again', async () => {
    const logId = await ofBatch();
    await takeUp();
    const begun = await store.beginCancel(cancel);
    const chunk = { batchSeq: begun?.batchSeq ?? 0, afterTaskId: 0, limit: 500, now: 9_500 };
    expect(await store.cancelBatchTasks(chunk)).toMatchObject({ cancelled: 1 });
    expect(await logOf(logId)).toMatchObject({ status: 'FAIL', retryState: 'CANCELLED' });
  });

  test('is not sent where that was cancelled', async () => {
    const logId = await ofBatch();
    await store.beginCancel(cancel);
    expect((await takeUp()).logIds).toEqual([logId]);
    expect(statesIn(store.file)).toEqual([]);
    expect(await logOf(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      retryState: 'CANCELLED',
    });
  });
});

test('open logs are gone through some at a time, by their index', async () => {
  const rule = await configure(store);
  await store.acceptEvent(event(Array.from({ length: 5 }, () => delivery(rule))));
  sql(`DELETE FROM task WHERE log_seq IN (2, 4)`);
  const first = await look('PENDING', ENDED, 3);
  expect(first).toEqual({
    logSeqs: [2],
    next: { among: 'PENDING', createdAt: 1_000, logSeq: 3 },
  });
  if (!first.next) throw new Error('there are more');
  const second = await store.stalledLogs({ after: first.next, before: ENDED, limit: 3 });
  expect(second).toEqual({ logSeqs: [4], next: null });
  const db = new Database(store.file);
  const plan = db
    .prepare<[], { detail: string }>(
      `EXPLAIN QUERY PLAN SELECT log_seq FROM log INDEXED BY log_not_successful
       WHERE status = 'PENDING' AND status <> 'SUCCESS'
         AND (created_at, log_seq) > (1, 1) AND created_at < 5
       ORDER BY created_at, log_seq LIMIT (9 | 0)`,
    )
    .all()
    .map(({ detail }) => detail);
  db.close();
  expect(plan).toEqual([
    'SEARCH log USING COVERING INDEX log_not_successful (status=? AND created_at>? AND created_at<?)',
  ]);
});
