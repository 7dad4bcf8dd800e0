import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { createClaim } from '../../src/main/store/claim.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { createOrdering, PROMOTE } from '../../src/main/store/ordering.ts';
import { createTasks, type Tasks } from '../../src/main/store/tasks.ts';

let db: Database.Database;
let tasks: Tasks;
let logs: number;

beforeEach(() => {
  db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  db.pragma('foreign_keys = OFF');
  tasks = createTasks(db, createOrdering(db));
  logs = 0;
});

function add(orderingKey: string | null, labIntegrationId = 1): void {
  tasks.add({
    logSeq: ++logs,
    labIntegrationId,
    priority: 'ROUTINE',
    orderingKey,
    deliverBy: null,
    dueAt: 0,
    kind: 'FIRST',
    attempt: 1,
    revision: 1,
    batchSeq: null,
  });
}

const states = () =>
  db.prepare('SELECT log_seq || $blank || state FROM task ORDER BY task_id').pluck().all({
    blank: ' ',
  });

test('the first task of a key is ready, those after it wait', () => {
  add('A');
  add('A');
  add('B');
  add(null);
  add(null);
  add('A', 2);
  expect(states()).toEqual(['1 READY', '2 WAITING', '3 READY', '4 READY', '5 READY', '6 READY']);
});

test('a key’s next task becomes ready when the one before it has left', () => {
  for (const key of ['A', 'A', 'A']) add(key);
  tasks.remove(1);
  expect(states()).toEqual(['2 READY', '3 WAITING']);
  tasks.remove(2);
  expect(states()).toEqual(['3 READY']);
});

test('one that waits and leaves lets nobody past the head', () => {
  for (const key of ['A', 'A', 'A']) add(key);
  tasks.remove(2);
  expect(states()).toEqual(['1 READY', '3 WAITING']);
});

test('a second ready task of a key is refused by the store itself', () => {
  for (const key of ['A', 'A']) add(key);
  expect(() => db.exec(`UPDATE task SET state = 'READY'`)).toThrow(/UNIQUE/);
});

test('the look at a key uses its indexes', () => {
  const plan = db
    .prepare(
      `EXPLAIN QUERY PLAN SELECT 1 FROM task WHERE lab_integration_id = 1 AND ordering_key = 'A'
         AND state IN ('READY', 'CLAIMED', 'REPORTING')`,
    )
    .all() as { detail: string }[];
  expect(plan.map(({ detail }) => detail).join()).toContain('task_key_head');
});

describe('however many wait', () => {
  const WAITING = 100_000;

  test('the next of a key is found by its indexes', () => {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${PROMOTE}`).all({ integration: 1, key: 'A' });
    const steps = (plan as { detail: string }[]).map(({ detail }) => detail).join('\n');
    expect(steps).toContain('USING COVERING INDEX task_key_waiting');
    expect(steps).toContain('USING INDEX task_key_head');
    expect(steps).toContain('USING COVERING INDEX task_key_held');
    expect(steps).not.toContain('SCAN task');
  });

  test('one integration with a hundred thousand starves no other, and ends in its order', () => {
    const rule = db.prepare(
      `INSERT INTO lab_integration (lab_integration_id, lab_id, action_category_list_id, name,
         is_active, max_concurrency, settings, version, created_at, updated_at)
       VALUES (?, 1, 1, 'rule', 1, 8, '{}', 1, 0, 0)`,
    );
    rule.run(1);
    rule.run(2);
    db.exec('BEGIN');
    for (let one = 0; one < WAITING / 2; one++) {
      add('A');
      add(null);
    }
    db.exec('COMMIT');
    add(null, 2);
    const take = createClaim(db);
    const claimed = take({ worker: 'w', limit: 4, leaseUntil: 1, now: 0 });
    // Its key's head, two without a key, and the other integration's only one.
    expect(claimed.toSorted((a, b) => a - b)).toEqual([1, 2, 4, WAITING + 1]);
    tasks.remove(1);
    expect(db.prepare("SELECT min(task_id) FROM task WHERE state = 'READY'").pluck().get()).toBe(3);
  });
});
