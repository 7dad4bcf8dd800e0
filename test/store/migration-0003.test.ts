import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { NO_TIME } from '../../src/shared/model/appointment.ts';
import { temporaryFolder } from '../helpers/folders.ts';

const now = new Date('2026-11-24T08:00:00.000Z');

/** A store of version 2 as `fill` leaves it, brought to version 3. */
function migrated(fill: string): Database.Database {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'store.db'));
  db.pragma('foreign_keys = ON');
  migrate(db, MIGRATIONS.slice(0, 2), join(folder, 'backups'), now);
  db.exec(`INSERT INTO lab (lab_id, name, time_zone, is_active) VALUES (1, 'City', 'UTC', 1);
    INSERT INTO lab_integration (lab_integration_id, lab_id, action_category_list_id, name,
      is_active, max_concurrency, settings, version, created_at, updated_at)
    VALUES (7, 1, 1, 'Bills', 1, 8, '{"executor":"external"}', 1, 0, 0),
      (8, 1, 1, 'Samples', 1, 8, '{}', 1, 0, 0);
    INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage, priority, lab_id,
      lab_integration_id, action_category_list_id, action_category, transport, revision,
      is_retry_enabled, retry_context, created_at, updated_at)
    VALUES (1, 'log-1', 'OUTBOUND', 'PENDING', 'NONE', 'ENQUEUED', 'ROUTINE', 1, 7, 1,
      'BILL_GENERATED', 'http', 1, 1, '{}', 0, 0)`);
  db.exec(fill);
  migrate(db, MIGRATIONS.slice(0, 3), join(folder, 'backups'), now);
  return db;
}

test('keeps every task as it was, in no batch', () => {
  const db = migrated(`INSERT INTO task (task_id, log_seq, lab_integration_id, state, priority,
      ordering_key, deliver_by, due_at, kind, attempt, revision, claimed_by, lease_until, begun_at,
      stamped_at, crashes, report)
    VALUES (41, 1, 7, 'REPORTING', 0, 'A', 5, 6, 'AUTO', 2, 3, 'engine', 7, 8, 9, 1, '{"a":1}')`);
  expect(db.prepare('SELECT * FROM task').all()).toEqual([
    {
      task_id: 41,
      log_seq: 1,
      lab_integration_id: 7,
      state: 'REPORTING',
      priority: 0,
      ordering_key: 'A',
      deliver_by: 5,
      due_at: 6,
      kind: 'AUTO',
      attempt: 2,
      revision: 3,
      claimed_by: 'engine',
      lease_until: 7,
      begun_at: 8,
      stamped_at: 9,
      crashes: 1,
      report: '{"a":1}',
      batch_seq: null,
    },
  ]);
});

test('keeps every index of the tasks', () => {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'store.db'));
  const indexes = (): unknown[] =>
    db
      .prepare(
        `SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'task' AND sql NOT NULL
         AND name <> 'task_of_batch' ORDER BY name`,
      )
      .all();
  migrate(db, MIGRATIONS.slice(0, 2), null, now);
  const before = indexes();
  migrate(db, MIGRATIONS.slice(0, 3), null, now);
  expect(indexes()).toEqual(expect.arrayContaining(before));
});

test('brings to each rule who executes its tasks, as its settings say', () => {
  const db = migrated('');
  expect(
    db.prepare('SELECT executor FROM lab_integration ORDER BY lab_integration_id').pluck().all(),
  ).toEqual(['external', 'local']);
});

test('adds the categories of appointments, and leaves one that a lab has made its own', () => {
  const own = 1000;
  const db = migrated(`INSERT INTO action_category
    VALUES (${own}, 'APPOINTMENT_CREATED', 'Booked', 0, 1)`);
  expect(
    db
      .prepare(
        `SELECT action_category_list_id FROM action_category WHERE code LIKE 'APPOINTMENT_%'
         ORDER BY code`,
      )
      .pluck()
      .all(),
  ).toEqual([15, 11, own, 14]);
});

test('lists the appointments that are there; one whose document is compressed follows with its next change', () => {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'store.db'));
  migrate(db, MIGRATIONS.slice(0, 2), null, now);
  db.exec(`INSERT INTO lab (lab_id, name, time_zone, is_active) VALUES (1, 'City', 'UTC', 1)`);
  const insert = db.prepare(
    `INSERT INTO domain_object (lab_id, kind, id, version, document, created_at, updated_at)
     VALUES (1, ?, ?, 1, ?, 0, 0)`,
  );
  const scheduled_at = '2026-12-01T08:30:00.500+05:30';
  insert.run('appointment', 'a', JSON.stringify({ status: 'CONFIRMED', scheduled_at }));
  insert.run('appointment', 'b', JSON.stringify({ status: 'Scheduled', scheduled_at: 'soon' }));
  insert.run('appointment', 'c', Buffer.from('packed'));
  insert.run('bill', 'd', JSON.stringify({ status: 'CONFIRMED' }));
  migrate(db, MIGRATIONS.slice(0, 3), null, now);
  const rows = db.prepare('SELECT id, status, due_at FROM domain_object ORDER BY id').raw();
  expect(rows.all()).toEqual([
    ['a', 'CONFIRMED', Date.parse(scheduled_at)],
    ['b', 'BOOKED', NO_TIME],
    ['c', 'BOOKED', NO_TIME],
    ['d', null, null],
  ]);
});
