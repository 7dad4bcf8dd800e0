import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { temporaryFolder } from '../helpers/folders.ts';

const now = new Date('2026-11-25T08:00:00.000Z');

/** A store of version 3 as `fill` leaves it, brought to version 4. */
function migrated(fill: string): Database.Database {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'store.db'));
  db.pragma('foreign_keys = ON');
  migrate(db, MIGRATIONS.slice(0, 3), join(folder, 'backups'), now);
  db.exec(`INSERT INTO lab (lab_id, name, time_zone, is_active) VALUES (1, 'City', 'UTC', 1);
    INSERT INTO lab_integration (lab_integration_id, lab_id, action_category_list_id, name,
      is_active, max_concurrency, settings, version, created_at, updated_at)
    VALUES (7, 1, 1, 'Bills', 1, 8, '{}', 1, 0, 0);
    INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage, priority, lab_id,
      lab_integration_id, action_category_list_id, action_category, transport, revision,
      is_retry_enabled, retry_context, retry_count, created_at, updated_at)
    VALUES (1, 'log-1', 'OUTBOUND', 'FAIL', 'NONE', 'REPORTED', 'ROUTINE', 1, 7, 1,
      'BILL_GENERATED', 'http', 1, 1, '{}', 2, 0, 0)`);
  db.exec(fill);
  migrate(db, MIGRATIONS.slice(0, 4), join(folder, 'backups'), now);
  return db;
}

test('keeps every hold of a key, with its indexes', () => {
  const db = migrated(`INSERT INTO key_hold VALUES (7, 'A', 1, 'HEAD_UNKNOWN', 5, 6)`);
  expect(db.prepare('SELECT * FROM key_hold').all()).toEqual([
    {
      lab_integration_id: 7,
      ordering_key: 'A',
      head_log_seq: 1,
      reason: 'HEAD_UNKNOWN',
      held_at: 5,
      release_at: 6,
    },
  ]);
  const indexes = db
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'key_hold'
      AND sql NOT NULL ORDER BY name`)
    .pluck()
    .all();
  expect(indexes).toEqual(['key_hold_by_head', 'key_hold_by_release']);
});

test('a log that was retried before begins its schedule at the beginning', () => {
  const db = migrated('');
  expect(db.prepare('SELECT retry_count, retry_step, is_body_chosen FROM log').all()).toEqual([
    { retry_count: 2, retry_step: 0, is_body_chosen: 0 },
  ]);
});

test('a task that was queued before was made of nothing in particular', () => {
  const db =
    migrated(`INSERT INTO task (task_id, log_seq, lab_integration_id, state, priority, due_at,
      kind, attempt, revision) VALUES (41, 1, 7, 'READY', 1, 5, 'AUTO', 3, 1)`);
  expect(db.prepare('SELECT task_id, waits_from, not_before, retry FROM task').all()).toEqual([
    { task_id: 41, waits_from: null, not_before: null, retry: null },
  ]);
});
