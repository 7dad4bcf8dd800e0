import Database from 'better-sqlite3';
import { beforeEach, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { createOrdering } from '../../src/main/store/ordering.ts';
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
