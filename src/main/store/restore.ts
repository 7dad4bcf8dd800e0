import Database from 'better-sqlite3';
import { LabRelayError } from '../../shared/errors.ts';
import type { NewAuditEntry } from '../../shared/model/audit.ts';
import type { BulkStop } from '../../shared/model/bulk-retry.ts';
import type { DeliveryPause } from '../../shared/model/configuration.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { BackupFacts, Held, HeldByRestore } from '../../shared/model/restore.ts';
import { createAuditCommands } from './audit.ts';
import { BACKUP_KEY, BACKUP_MADE_AT, BACKUP_MADE_BY, countsOf, integrityFault } from './backup.ts';
import { createCommands } from './commands.ts';
import { openReader, openWriter } from './connection.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { SPILL_JOURNAL } from './spill.ts';

/**
 * Looks whether a file is a whole store that this LabRelay can run on.
 * @throws LabRelayError `NOT_A_BACKUP`, `STORE_NEWER`
 */
export function examineBackup(file: string): BackupFacts {
  const db = open(file);
  try {
    const schemaVersion = db.pragma('user_version', { simple: true }) as number;
    const newest = MIGRATIONS.at(-1)?.version ?? 0;
    if (schemaVersion > newest) {
      throw new LabRelayError(
        'STORE_NEWER',
        `The backup has schema ${schemaVersion}; this LabRelay knows schemas up to ${newest}. Restore it with the LabRelay that wrote it, or a newer one.`,
      );
    }
    const isStore = db
      .prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'revision'`)
      .get();
    if (schemaVersion < 1 || !isStore) throw unusable('it is a database, but not of LabRelay');
    const fault = integrityFault(db);
    if (fault !== null) throw unusable(`it is damaged (${fault}); take an older one`);
    const note = db.prepare<[string], string>('SELECT value FROM meta WHERE name = ?').pluck();
    const madeAt = note.get(BACKUP_MADE_AT);
    return {
      schemaVersion,
      counts: countsOf(db),
      madeAt: madeAt === undefined ? null : Number(madeAt),
      madeBy: note.get(BACKUP_MADE_BY) ?? null,
      newestLogAt: db.prepare<[], number>('SELECT max(created_at) FROM log').pluck().get() ?? null,
      sealedKey: note.get(BACKUP_KEY) ?? null,
    };
  } catch (error) {
    if (error instanceof Database.SqliteError) throw unusable(`it cannot be read (${error.code})`);
    throw error;
  } finally {
    db.close();
  }
}

function open(file: string): Database.Database {
  try {
    return new Database(file, { fileMustExist: true });
  } catch (error) {
    throw unusable(`it cannot be opened (${error instanceof Error ? error.message : 'unknown'})`);
  }
}

function unusable(reason: string): LabRelayError {
  return new LabRelayError('NOT_A_BACKUP', `The file is no usable backup: ${reason}.`);
}

/**
 * Makes a copied store safe to start: brings it to the present schema and holds everything that is
 * open, since a partner may have got it after the copy was made (design rule 12). What is to be sent
 * after all is released by people. Deliveries are paused as well, so that nobody's new events
 * overtake what they have not looked at yet.
 */
export function holdEverything(file: string, pause: DeliveryPause): Held {
  const db = openWriter(file);
  try {
    // The file it was copied from is the copy of before the migration.
    migrate(db, MIGRATIONS, null, new Date(pause.since));
    return db.transaction(() => holdOpen(db, pause))();
  } finally {
    db.close();
  }
}

function holdOpen(db: Database.Database, pause: DeliveryPause): Held {
  const now = pause.since;
  const commands = createCommands(db);
  const run = (name: string, input: unknown): unknown => {
    const command = commands.get(name);
    if (!command) throw new Error(`no command ${name}`);
    return command(input as never);
  };
  // Recovery would queue these again.
  db.exec(`UPDATE task SET state = 'HELD' WHERE state = 'CLAIMED' AND stamped_at IS NULL`);
  // Whoever claimed the others is gone for good.
  db.exec(`UPDATE task SET lease_until = 0 WHERE state = 'CLAIMED'`);
  const recovery = run('recover', { worker: '', now, atStart: true }) as { unknown: number };
  const reported = takeReports(db, run);

  db.exec(`UPDATE task SET state = 'HELD', claimed_by = NULL, lease_until = NULL, begun_at = NULL`);
  db.prepare(
    `UPDATE log SET retry_state = 'HELD', held_reason = 'RESTORED_BACKUP', next_retry_at = NULL,
       updated_at = max(updated_at, ?)
     WHERE log_seq IN (SELECT log_seq FROM task)`,
  ).run(now);
  // It had been answered to nobody. What had arrived whole may have been: it is built by the next
  // start, and held like all else.
  db.exec(`DELETE FROM batch_record WHERE batch_seq IN
    (SELECT batch_seq FROM batch WHERE state = 'RECEIVING')`);
  db.exec(`UPDATE batch SET state = 'DROPPED' WHERE state = 'RECEIVING'`);
  db.exec(`UPDATE batch SET is_restored = 1 WHERE state IN ('BUILDING', 'RELEASING')`);
  // What they would still send may have been sent after the copy was made.
  db.prepare(
    `UPDATE bulk_retry SET state = 'PAUSED', stop = ? WHERE state IN ('CANARY', 'RUNNING')`,
  ).run(JSON.stringify(restoredStop(now)));
  db.exec(`UPDATE bulk_retry SET options = json_set(options, '$.startsByItself', json('false'))
    WHERE state = 'PLANNING'`);
  // What was being released chunk by chunk would go on being released.
  db.exec(`UPDATE integration_state SET waiting_action = NULL, waiting_actor = NULL`);
  const { changes: sessions } = db.prepare('DELETE FROM session').run();
  db.prepare(
    `INSERT INTO setting (name, value) VALUES ('delivery_paused', ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  ).run(JSON.stringify(pause));
  // What waits in the spill journal belongs to the store that is replaced.
  db.prepare('DELETE FROM meta WHERE name IN (?, ?, ?, ?)').run(
    BACKUP_MADE_AT,
    BACKUP_MADE_BY,
    BACKUP_KEY,
    SPILL_JOURNAL,
  );
  return { unknown: recovery.unknown, reported, sessions };
}

function restoredStop(at: number): BulkStop {
  return { why: 'RESTORED', failureClass: null, count: null, at, by: null, reason: null };
}

/**
 * Notes a restore in the restored store's own audit chain: whoever reads it must know that entries
 * of after the backup are in the store that was set aside.
 * @param sealKey of the engine that will run on it
 */
export function noteRestore(file: string, entry: NewAuditEntry, sealKey: Uint8Array): void {
  const db = openWriter(file);
  try {
    const commands = createAuditCommands(db);
    db.transaction(() => commands.appendAudit({ entry, sealKey }))();
  } finally {
    db.close();
  }
}

/** Outcomes that had not reached the callback route yet are outcomes: they are applied here. */
function takeReports(
  db: Database.Database,
  run: (name: string, input: unknown) => unknown,
): number {
  const rows = db
    .prepare<[], { task_id: number; report: string }>(
      `SELECT task_id, report FROM task WHERE state = 'REPORTING'`,
    )
    .all();
  for (const row of rows) {
    run('report', (JSON.parse(row.report) as { report: AttemptReport }).report);
    run('reportTaken', { taskId: row.task_id });
  }
  return rows.length;
}

/** What is held in a restored store, by integration and certainty. */
export function heldGroupsOf(file: string): HeldByRestore[] {
  const db = openReader(file);
  try {
    return heldGroups(db);
  } finally {
    db.close();
  }
}

function heldGroups(db: Database.Database): HeldByRestore[] {
  return db
    .prepare<[], HeldByRestore>(
      `SELECT t.lab_integration_id AS labIntegrationId, i.name, l.certainty, count(*) AS count
       FROM task t JOIN log l ON l.log_seq = t.log_seq
       JOIN lab_integration i ON i.lab_integration_id = t.lab_integration_id
       WHERE t.state = 'HELD' GROUP BY t.lab_integration_id, l.certainty
       ORDER BY t.lab_integration_id, l.certainty`,
    )
    .all();
}
