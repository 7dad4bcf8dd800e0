import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { temporaryFolder } from '../helpers/folders.ts';

const now = new Date('2026-11-24T08:00:00.000Z');

/** A store of version 1 with one rule and the given tasks, brought to version 2. */
function migrated(tasks: { state: string; key: string | null; deliverBy?: number }[]) {
  const folder = temporaryFolder();
  const db = new Database(join(folder, 'store.db'));
  db.pragma('foreign_keys = ON');
  migrate(db, MIGRATIONS.slice(0, 1), join(folder, 'backups'), now);
  db.exec(`INSERT INTO lab VALUES (1, 'City', NULL, 'UTC', 1);
    INSERT INTO lab_integration VALUES (7, 1, NULL, 1, NULL, 'Bills', 1, 8,
      '{"ratePerMinute":60,"onRefused":"hold","onUnknown":"skip","isRetryEnabled":false}', 1, 0, 0)`);
  const log = db.prepare(`INSERT INTO log (log_seq, log_id, direction, status, retry_state, stage,
      priority, deliver_by, lab_id, action_category_list_id, action_category, transport, revision,
      is_retry_enabled, retry_context, created_at, updated_at)
    VALUES (?, ?, 'OUTBOUND', 'PENDING', 'NONE', 'ENQUEUED', 'ROUTINE', ?, 1, 1, 'BILL_GENERATED',
      'http', 1, 1, '{}', 0, 0)`);
  const task = db.prepare(`INSERT INTO task (log_seq, lab_integration_id, state, priority,
      ordering_key, due_at, kind, attempt, revision) VALUES (?, 7, ?, 1, ?, 0, 'FIRST', 1, 1)`);
  for (const [index, { state, key, deliverBy }] of tasks.entries()) {
    log.run(index + 1, `log-${index + 1}`, deliverBy ?? null);
    task.run(index + 1, state, key);
  }
  migrate(db, MIGRATIONS.slice(0, 2), join(folder, 'backups'), now);
  const rows = db
    .prepare('SELECT state, ordering_key AS key, deliver_by FROM task ORDER BY task_id')
    .all() as { state: string; key: string | null; deliver_by: number | null }[];
  return { db, rows };
}

test('lets the first task of a key be ready, and all others of it wait', () => {
  const { rows } = migrated([
    { state: 'READY', key: 'A' },
    { state: 'READY', key: 'A' },
    { state: 'READY', key: null },
    { state: 'READY', key: 'B' },
    { state: 'CLAIMED', key: 'B' },
  ]);
  expect(rows.map(({ state }) => state)).toEqual([
    'READY',
    'WAITING',
    'READY',
    'WAITING',
    'CLAIMED',
  ]);
});

test('keeps two tasks of a key that are under way side by side, without their order', () => {
  const { rows } = migrated([
    { state: 'CLAIMED', key: 'A' },
    { state: 'REPORTING', key: 'A' },
    { state: 'READY', key: 'A' },
  ]);
  expect(rows).toMatchObject([
    { state: 'CLAIMED', key: 'A' },
    { state: 'REPORTING', key: null },
    { state: 'WAITING', key: 'A' },
  ]);
});

test('brings deadlines to the tasks and what the claim enforces to the rules', () => {
  const { db, rows } = migrated([{ state: 'READY', key: null, deliverBy: 99 }]);
  expect(rows[0]?.deliver_by).toBe(99);
  expect(
    db
      .prepare(
        'SELECT rate_per_minute, on_refused, on_unknown, is_retry_enabled FROM lab_integration',
      )
      .get(),
  ).toEqual({ rate_per_minute: 60, on_refused: 'hold', on_unknown: 'skip', is_retry_enabled: 0 });
});
