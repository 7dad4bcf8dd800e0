import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import type { NewLog } from '../../src/shared/model/delivery.ts';
import { HELD_FOR_UNKNOWN_MS } from '../../src/shared/model/ordering.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, settleAs, stampNext, statesIn } from './samples.ts';
import { ENDED, IN_DOUBT, LATER, retrying, sendNext, startDue, STORED } from './scheduling.ts';

const DUE = ENDED + 1_000;

let store: ReturnType<typeof openLocalStore>;
let rule: number;

async function lab(settings: Partial<IntegrationSettings> = {}): Promise<void> {
  rule = await configure(store, { ...retrying(), ...settings });
}

async function queue(...logs: Partial<NewLog>[]): Promise<string[]> {
  const some = logs.map((log) => delivery(rule, log));
  await store.acceptEvent(event(some));
  return some.map(({ log }) => log.logId);
}

const logOf = async (logId: string) => {
  const log = await store.getLog(logId);
  if (!log) throw new Error('no log');
  return log;
};
const waitOf = async (logId: string) => {
  const { heldReason, waitsFor } = await logOf(logId);
  return [heldReason, waitsFor];
};

const sql = (text: string): void => {
  const db = new Database(store.file);
  db.exec(text);
  db.close();
};

/** The one that is due. */
async function oneDue() {
  const [due] = await store.dueRetries({ now: DUE, limit: 1 });
  if (!due) throw new Error('nothing is due');
  return due;
}

beforeEach(async () => {
  store = openLocalStore();
  await lab();
});
afterEach(() => store.close());

describe('due retries', () => {
  test('are told STAT first, then by when they were due', async () => {
    const [late, early, stat] = await queue({}, {}, { priority: 'STAT' });
    for (let i = 0; i < 3; i++) await sendNext(store, LATER);
    sql(`UPDATE task SET due_at = due_at - log_seq`);
    const due = await store.dueRetries({ now: DUE, limit: 9 });
    expect(due.map(({ logId }) => logId)).toEqual([stat, early, late]);
    expect(await store.dueRetries({ now: DUE, limit: 2 })).toHaveLength(2);
    expect(await store.dueRetries({ now: DUE - 4, limit: 9 })).toEqual([]);
    expect(await store.nextRetry({ now: 0 })).toMatchObject({ at: DUE - 3 });
  });

  test('tell what building their body anew takes', async () => {
    const references = [{ kind: 'event' as const, id: 'e' }];
    const [logId] = await queue({ references, deliverBy: 9e9 });
    await sendNext(store, LATER);
    expect(await oneDue()).toMatchObject({
      logId,
      attempt: 2,
      labId: 1,
      labIntegrationId: rule,
      actionCategory: 'BILL_GENERATED',
      references,
      sha256: 'x',
      isBodyGiven: false,
      body: 'FRESH',
      deliverBy: 9e9,
    });
    expect(await store.lastSentBody({ logId: logId ?? '' })).toBe('{"a":1}');
  });

  test('send the body that a person chose, and one that came ready', async () => {
    const context = { actionCategory: 'BILL_GENERATED', references: [], isBodyGiven: true };
    await queue({ retryContext: context }, {});
    for (let i = 0; i < 2; i++) await sendNext(store, LATER);
    sql('UPDATE log SET is_body_chosen = 1 WHERE log_seq = 2');
    const due = await store.dueRetries({ now: DUE, limit: 9 });
    expect(due.map(({ body }) => body)).toEqual(['STORED', 'STORED']);
  });

  test('are found by their index, however many wait', () => {
    const db = new Database(store.file);
    const plan = (text: string) =>
      db
        .prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map(({ detail }) => detail);
    const state = `state = 'SCHEDULED'`;
    expect(
      plan(`SELECT * FROM task INDEXED BY task_scheduled WHERE ${state} AND priority = (1 | 0)
        AND due_at <= 5 ORDER BY due_at LIMIT (9 | 0)`),
    ).toEqual(['SEARCH task USING INDEX task_scheduled (priority=? AND due_at<?)']);
    expect(
      plan(`SELECT max(waits_from) FROM task INDEXED BY task_scheduled_from WHERE ${state}`),
    ).toEqual(['SEARCH task USING COVERING INDEX task_scheduled_from']);
    db.close();
  });
});

describe('a due retry', () => {
  test('goes with a new body under a new revision', async () => {
    const [logId = ''] = await queue({});
    await sendNext(store, LATER);
    const { taskId, attempt } = await oneDue();
    const note = { ...STORED, body: 'CHANGED' as const, objectsFrom: 'LOCAL' as const };
    const revision = {
      body: '{"a":2}',
      contentType: 'application/json',
      sha256: 'y',
      configVersion: 1,
      objectsFrom: 'LOCAL' as const,
      fallback: null,
    };
    const fates = [{ taskId, attempt, kind: 'REPLACE' as const, revision, note }];
    expect(await store.startRetries({ fates, now: DUE })).toEqual({
      started: 1,
      failed: 0,
      stopped: 0,
      urgent: [],
    });
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ body: '{"a":2}', revision: 2, kind: 'AUTO', attempt: 2 });
    const db = new Database(store.file);
    const kept = db.prepare('SELECT retry FROM attempt WHERE number = 2').pluck().get() as string;
    db.close();
    expect(JSON.parse(kept)).toEqual(note);
    expect((await logOf(logId)).retryCount).toBe(1);
  });

  test('whose body cannot be built any more ends, and its log says so', async () => {
    const [logId = ''] = await queue({});
    await sendNext(store, LATER);
    const { taskId, attempt } = await oneDue();
    const fates = [{ taskId, attempt, kind: 'FAIL' as const, message: 'The bill is gone.' }];
    expect(await store.startRetries({ fates, now: DUE })).toMatchObject({ failed: 1 });
    expect(await logOf(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      retryState: 'NONE',
      nextRetryAt: null,
      errorKind: 'PAYLOAD',
      errorMessage: 'The bill is gone.',
      activity: [{ kind: 'REBUILD_FAILED', actor: 'LabRelay' }],
    });
    expect(statesIn(store.file)).toEqual([]);
  });

  test('that is not scheduled any more, or waits for another attempt, is passed over', async () => {
    await queue({});
    await sendNext(store, LATER);
    const { taskId } = await oneDue();
    const go = (attempt: number) =>
      store.startRetries({ fates: [{ taskId, attempt, kind: 'GO', note: STORED }], now: DUE });
    expect((await go(3)).started).toBe(0);
    expect((await go(2)).started).toBe(1);
    expect((await go(2)).started).toBe(0);
    expect(statesIn(store.file)).toEqual(['READY']);
  });

  test('of a rule that was switched off is left to who holds what waits', async () => {
    await queue({});
    await sendNext(store, LATER);
    sql('UPDATE lab_integration SET is_active = 0');
    await startDue(store, DUE);
    expect(statesIn(store.file)).toEqual(['SCHEDULED']);
  });

  test('of a rule that makes no retries any more is stopped', async () => {
    const [logId = ''] = await queue({});
    await sendNext(store, LATER);
    sql('UPDATE lab_integration SET is_retry_enabled = 0');
    await startDue(store, DUE);
    expect(statesIn(store.file)).toEqual([]);
    expect(await logOf(logId)).toMatchObject({
      retryState: 'CANCELLED',
      nextRetryAt: null,
      activity: [{ kind: 'RETRY_STOPPED' }],
    });
  });

  test('that came in a batch stays one of it, so that cancelling that takes it out', async () => {
    await queue({});
    sql('PRAGMA foreign_keys = OFF; UPDATE task SET batch_seq = 7');
    await sendNext(store, LATER);
    const db = new Database(store.file);
    expect(db.prepare('SELECT batch_seq, state FROM task').get()).toEqual({
      batch_seq: 7,
      state: 'SCHEDULED',
    });
    db.close();
  });

  test('that is urgent is told, so that it does not wait for a slot', async () => {
    await queue({ priority: 'STAT' });
    await sendNext(store, LATER);
    const { taskId, attempt } = await oneDue();
    const fates = [{ taskId, attempt, kind: 'GO' as const, note: STORED }];
    expect((await store.startRetries({ fates, now: DUE })).urgent).toEqual([rule]);
  });

  test('that is put off uses no step, and its log tells until when', async () => {
    const [logId = ''] = await queue({});
    await sendNext(store, LATER);
    const { taskId, attempt } = await oneDue();
    await store.deferRetries({ delays: [{ taskId, attempt, dueAt: 50_000 }], now: DUE });
    expect((await logOf(logId)).nextRetryAt).toBe(50_000);
    expect(await startDue(store, 49_999)).toEqual([]);
    await startDue(store, 50_000);
    await sendNext(store, { ...LATER, activityDate: 50_000 });
    // The second step's wait.
    expect((await logOf(logId)).nextRetryAt).toBe(52_000);
  });
});

describe('a clock that was set back', () => {
  test('gives what waits its wait again, from now', async () => {
    const [logId = ''] = await queue({});
    await sendNext(store, { ...LATER, responseHeaders: { 'retry-after': '60' } });
    const hourAgo = ENDED - 3_600_000;
    expect(await store.nextRetry({ now: ENDED - 1_000 })).toMatchObject({ isClockBack: false });
    expect(await store.nextRetry({ now: hourAgo })).toMatchObject({ isClockBack: true });
    expect(await store.restartWaits({ now: hourAgo, limit: 10 })).toBe(1);
    expect((await logOf(logId)).nextRetryAt).toBe(hourAgo + 60_000);
    expect(await store.nextRetry({ now: hourAgo })).toEqual({
      at: hourAgo + 60_000,
      isClockBack: false,
    });
    expect(await store.restartWaits({ now: hourAgo, limit: 10 })).toBe(0);
  });
});

describe('the followers of a head that is to be tried again', () => {
  test('wait for it, and it goes past them', async () => {
    const [head, next] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, LATER);
    expect(await waitOf(next ?? '')).toEqual(['HEAD_RETRYING', head]);
    await startDue(store, DUE);
    expect((await sendNext(store, {})).logId).toBe(head);
    expect((await stampNext(store)).task.logId).toBe(next);
  });

  test('wait as those of one in doubt do, where that is the case', async () => {
    const [head, next] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, IN_DOUBT);
    expect(await waitOf(next ?? '')).toEqual(['HEAD_UNKNOWN', head]);
  });

  test('go on where their rule does not wait for one in doubt', async () => {
    await lab({ onUnknown: 'skip' });
    const [, next] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, IN_DOUBT);
    expect((await stampNext(store)).task.logId).toBe(next);
  });

  test('go on after half an hour at the most, however often it is tried', async () => {
    const [head, next] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, LATER);
    await startDue(store, DUE);
    await sendNext(store, { ...IN_DOUBT, activityDate: DUE });
    expect(await waitOf(next ?? '')).toEqual(['HEAD_UNKNOWN', head]);
    const until = ENDED + HELD_FOR_UNKNOWN_MS;
    expect((await store.tendOrder({ now: until - 1 })).expired).toEqual([]);
    expect((await store.tendOrder({ now: until })).expired).toMatchObject([{ logId: head }]);
    const { task } = await stampNext(store);
    expect(task.logId).toBe(next);
    await settleAs(store, task, { status: 'QUEUED', certainty: 'COMMITTED' });
    // What was let go is not held anew when it fails once more.
    await startDue(store, until);
    const again = await sendNext(store, { ...LATER, activityDate: until });
    expect(again.logId).toBe(head);
    await queue({ orderingKey: 'A' });
    expect(statesIn(store.file)).toEqual(['SCHEDULED', 'READY']);
  });

  test('go on when it is given up', async () => {
    await lab(retrying({ schedule: [1_000] }));
    const [, next] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, LATER);
    await startDue(store, DUE);
    await sendNext(store, { ...LATER, activityDate: DUE });
    expect((await stampNext(store)).task.logId).toBe(next);
  });

  test('lift it where one of them is urgent', async () => {
    const [head] = await queue({ orderingKey: 'A' });
    await sendNext(store, LATER);
    await queue({ orderingKey: 'A', priority: 'STAT' });
    expect(await oneDue()).toMatchObject({ logId: head, isStat: true });
  });
});

describe('a retry behind which a newer one of its key was accepted', () => {
  /** The head waits for its retry; the next was let go by a person and is accepted. */
  async function overtaken() {
    const [head = '', next = ''] = await queue({ orderingKey: 'A' }, { orderingKey: 'A' });
    await sendNext(store, LATER);
    await store.releaseOrderingKey({ logId: head, reason: 'r', actor: 'Anna', now: ENDED });
    return { head, next };
  }
  const stopped = {
    status: 'FAIL',
    retryState: 'CANCELLED',
    nextRetryAt: null,
    retryCount: 0,
  };

  test('is not sent when it is due', async () => {
    const { head, next } = await overtaken();
    await sendNext(store, {});
    const due = await oneDue();
    expect(due.overtakenBy).toBe(next);
    const { taskId, attempt } = due;
    const fates = [{ taskId, attempt, kind: 'STOP' as const, overtakenBy: next }];
    expect(await store.startRetries({ fates, now: DUE })).toMatchObject({ stopped: 1 });
    expect(await logOf(head)).toMatchObject(stopped);
    expect((await logOf(head)).activity.at(-1)).toMatchObject({
      kind: 'RETRY_STOPPED',
      note: expect.stringContaining(next) as string,
    });
  });

  test('is not sent where people say that the receiver has the newer one', async () => {
    const { next } = await overtaken();
    await sendNext(store, { status: 'QUEUED', certainty: 'COMMITTED' });
    expect((await oneDue()).overtakenBy).toBeNull();
    const said = { resolution: 'delivered', reason: 'they have it', actor: 'Anna' } as const;
    const resolved = await store.resolveLog({ logId: next, ...said, now: ENDED });
    expect(resolved.outcome).toBe('RESOLVED');
    expect((await oneDue()).overtakenBy).toBe(next);
  });

  test('is not sent either where that was under way when it was due', async () => {
    const { head, next } = await overtaken();
    const { task } = await stampNext(store);
    expect(task.logId).toBe(next);
    await startDue(store, DUE);
    expect(statesIn(store.file)).toEqual(['WAITING', 'CLAIMED']);
    await settleAs(store, task, {});
    expect((await stampNext(store)).stamped).toBe(false);
    expect(await logOf(head)).toMatchObject({ ...stopped, retryCount: 1 });
    expect(statesIn(store.file)).toEqual([]);
  });
});
