import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, settleAs, stampNext, UNREACHED } from './samples.ts';

const HOUR = 3_600_000;

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

function inStore<T>(act: (db: Database.Database) => T): T {
  const db = new Database(store.file);
  try {
    return act(db);
  } finally {
    db.close();
  }
}

/** Deliveries of a rule whose retries are to come in an hour. @returns their log ids */
async function scheduled(count: number, of = rule, since = 1_000): Promise<string[]> {
  const deliveries = Array.from({ length: count }, () => delivery(of));
  await store.acceptEvent(event(deliveries));
  const ids = deliveries.map(({ log }) => log.logId);
  inStore((db) => {
    const wait = db.prepare(`UPDATE task SET state = 'SCHEDULED', kind = 'AUTO', waits_from = ?,
      due_at = ? WHERE log_seq = (SELECT log_seq FROM log WHERE log_id = ?)`);
    const log = db.prepare(`UPDATE log SET status = 'FAIL', retry_state = 'SCHEDULED',
      next_retry_at = ? WHERE log_id = ?`);
    for (const id of ids) {
      wait.run(since, since + HOUR, id);
      log.run(since + HOUR, id);
    }
  });
  return ids;
}
const dueAt = () =>
  inStore((db) =>
    db.prepare(`SELECT due_at FROM task WHERE state = 'SCHEDULED' ORDER BY task_id`).pluck().all(),
  );
/** All that is left to be released. @returns how many were, a chunk each */
async function releaseAll(limit = 500): Promise<number[]> {
  const released: number[] = [];
  for (;;) {
    const chunk = await store.releaseRecovered({ limit });
    if (!chunk.isMore) return released;
    released.push(chunk.released);
  }
}
const set = (state: 'open' | 'closed', now: number) =>
  store.setBreaker({ labIntegrationId: rule, state, actor: 'Anna', note: 'because', now });

describe('when an endpoint has recovered', () => {
  test('what is scheduled of it is due at once, with the success that told of it', async () => {
    const other = await configure(store);
    await scheduled(1, other);
    const [logId = ''] = await scheduled(2);
    await store.acceptEvent(event([delivery(rule)]));
    const { task: first } = await stampNext(store);
    await settleAs(store, first, UNREACHED);
    expect(await releaseAll()).toEqual([]);
    const { task: probe } = await stampNext(store, 'w', 60_000);
    await settleAs(store, probe, { activityDate: 61_000 });

    expect(await releaseAll()).toEqual([2]);
    expect(dueAt()).toEqual([1_000 + HOUR, 61_000, 61_000]);
    expect(await store.getLog(logId)).toMatchObject({ nextRetryAt: 61_000 });
    // Once: what fails from now on waits as its schedule says.
    expect(await releaseAll()).toEqual([]);
  });

  test('so is it when a person closes the breaker', async () => {
    await scheduled(1);
    await set('open', 2_000);
    await set('closed', 5_000);
    expect(await releaseAll()).toEqual([1]);
    expect(dueAt()).toEqual([5_000]);
  });

  test('what the partner does not want before waits until then', async () => {
    const [, second = ''] = await scheduled(2);
    inStore((db) =>
      db.exec(
        `UPDATE task SET not_before = 900000 WHERE task_id = (SELECT max(task_id) FROM task)`,
      ),
    );
    await set('open', 2_000);
    await set('closed', 5_000);
    await releaseAll();
    expect(dueAt()).toEqual([5_000, 900_000]);
    expect(await store.getLog(second)).toMatchObject({ nextRetryAt: 900_000 });
  });

  test('what has failed since, and what is due already, stays as it is', async () => {
    await scheduled(1, rule, 5_000);
    await scheduled(1, rule, 4_000 - HOUR);
    await set('open', 2_000);
    await set('closed', 5_000);
    expect(await releaseAll()).toEqual([0]);
    expect(dueAt()).toEqual([5_000 + HOUR, 4_000]);
  });

  test('thousands are told in chunks, which a restart goes on with', async () => {
    await scheduled(7);
    await set('open', 2_000);
    await set('closed', 5_000);
    expect(await store.releaseRecovered({ limit: 3 })).toEqual({ released: 3, isMore: true });
    expect(new Set(dueAt())).toEqual(new Set([5_000, 1_000 + HOUR]));
    // Nothing is kept but what the store holds.
    expect(await releaseAll(3)).toEqual([3, 1]);
    expect(new Set(dueAt())).toEqual(new Set([5_000]));
  });

  test('those behind a head wait a minute longer for it, since it goes only now', async () => {
    await scheduled(1);
    const holdUntil = (at: number | null) =>
      inStore((db) =>
        db
          .prepare(`INSERT INTO key_hold SELECT ?, 'K' || coalesce(?, ''), log_seq, 'HEAD_RETRYING', 1, ?
            FROM log`)
          .run(rule, at, at),
      );
    holdUntil(4_000);
    holdUntil(900_000);
    holdUntil(null);
    await set('open', 2_000);
    expect(await store.tendOrder({ now: 4_500 })).toEqual({ expired: [], urgent: [] });
    await set('closed', 5_000);
    const until = inStore((db) =>
      db.prepare('SELECT release_at FROM key_hold ORDER BY ordering_key').pluck().all(),
    );
    expect(until).toEqual([null, 65_000, 900_000]);
  });

  test('nothing is noted where nothing is scheduled', async () => {
    await set('open', 2_000);
    await set('closed', 5_000);
    expect(await store.releaseRecovered({ limit: 3 })).toEqual({ released: 0, isMore: false });
  });
});

test('the waits that are ended are found by their integration, however many others there are', () => {
  const plan = inStore((db) =>
    db
      .prepare(
        `EXPLAIN QUERY PLAN SELECT task_id FROM task WHERE lab_integration_id = @id
           AND state = 'SCHEDULED' AND waits_from < @at AND due_at > max(@at, coalesce(not_before, 0))
         LIMIT (@limit | 0)`,
      )
      .all({ id: 1, at: 1, limit: 1 }),
  );
  expect(plan).toMatchObject([
    { detail: expect.stringContaining('task_scheduled_of (lab_integration_id=?') as string },
  ]);
});
