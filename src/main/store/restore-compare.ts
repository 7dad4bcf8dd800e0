import Database from 'better-sqlite3';
import type { SinceBackup } from '../../shared/model/restore.ts';
import { openWriter } from './connection.ts';

const SENT_SINCE =
  'An attempt was made after the restored backup; the partner may have got it. The store that was set aside knows its outcome.';

const DROPPED_SINCE =
  'It was dropped after the restored backup was made, and stays so. The store that was set aside knows by whom.';

/**
 * Compares a copy, already held, with the store that it is to replace. What is held in the copy but
 * was attempted since gets the certainty `UNKNOWN` and a note, so that releasing it warns of a
 * duplicate.
 *
 * @param copy    file of the copy
 * @param present file of the store to be replaced
 * @returns null where the present one cannot be read
 */
export function compareWithPresent(copy: string, present: string, now: number): SinceBackup | null {
  const held = openWriter(copy);
  let later: Database.Database | null = null;
  try {
    later = new Database(present, { readonly: true, fileMustExist: true });
    return compare(held, later, now);
  } catch (error) {
    // A store that is being replaced may be damaged: that is what backups are for.
    if (error instanceof Database.SqliteError) return null;
    throw error;
  } finally {
    later?.close();
    held.close();
  }
}

function compare(copy: Database.Database, later: Database.Database, now: number): SinceBackup {
  const last = copy
    .prepare<[], { log_seq: number; log_id: string }>(
      'SELECT log_seq, log_id FROM log ORDER BY log_seq DESC LIMIT 1',
    )
    .get();
  const idAt = later.prepare<[number], string>('SELECT log_id FROM log WHERE log_seq = ?').pluck();
  const isLater = last === undefined || idAt.get(last.log_seq) === last.log_id;
  const newer = later
    .prepare<[number], number>('SELECT count(*) FROM log WHERE log_seq > ?')
    .pluck();
  return {
    newerLogs: isLater ? (newer.get(last?.log_seq ?? 0) ?? 0) : null,
    sentSince: markSentSince(copy, later, now),
    laterBodies: keepLaterBodies(copy, later),
    droppedSince: keepDropped(copy, later, now),
    revokedSince: revokedSince(copy, later),
  };
}

function markSentSince(copy: Database.Database, later: Database.Database, now: number): number {
  const held = copy.prepare<[], { log_seq: number; log_id: string; newest_attempt: number }>(
    `SELECT l.log_seq, l.log_id, l.newest_attempt FROM task t JOIN log l ON l.log_seq = t.log_seq`,
  );
  const attempts = later
    .prepare<[string], number>('SELECT newest_attempt FROM log WHERE log_id = ?')
    .pluck();
  const doubt = copy.prepare(`UPDATE log SET certainty = 'UNKNOWN' WHERE log_seq = ?`);
  const note = copy.prepare(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, 'restore', 'SENT_SINCE', ?)`,
  );
  return copy.transaction(() => {
    let count = 0;
    for (const { log_seq, log_id, newest_attempt } of held.all()) {
      if ((attempts.get(log_id) ?? 0) <= newest_attempt) continue;
      doubt.run(log_seq);
      note.run(log_seq, now, SENT_SINCE);
      count++;
    }
    return count;
  })();
}

/**
 * What somebody decided after the backup not to send stays so: a restore must not take a person's word
 * back. All tasks of the copy are held, so none has to follow one that goes.
 */
function keepDropped(copy: Database.Database, later: Database.Database, now: number): number {
  const held = copy.prepare<[], { task_id: number; log_seq: number; log_id: string }>(
    'SELECT t.task_id, t.log_seq, l.log_id FROM task t JOIN log l ON l.log_seq = t.log_seq',
  );
  const isDropped = later
    .prepare<[string], number>(`SELECT 1 FROM log WHERE log_id = ? AND retry_state = 'CANCELLED'`)
    .pluck();
  const remove = copy.prepare('DELETE FROM task WHERE task_id = ?');
  const end = copy.prepare(
    `UPDATE log SET status = 'FAIL', certainty = coalesce(certainty, 'NOT_SENT'),
       retry_state = 'CANCELLED', held_reason = NULL WHERE log_seq = ?`,
  );
  const note = copy.prepare(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, 'restore', 'DROPPED', ?)`,
  );
  return copy.transaction(() => {
    let count = 0;
    for (const { task_id, log_seq, log_id } of held.all()) {
      if (isDropped.get(log_id) === undefined) continue;
      remove.run(task_id);
      end.run(log_seq);
      note.run(log_seq, now, DROPPED_SINCE);
      count++;
    }
    return count;
  })();
}

/**
 * Takes over bodies that held logs were given after the backup was made. Each is known to partners by
 * its number (`<log_id>_r2`): were the number given again to other bytes, a receiver that drops
 * duplicates would drop them. What is sent stays the body that the backup has.
 */
function keepLaterBodies(copy: Database.Database, later: Database.Database): number {
  const held = copy.prepare<[], { log_seq: number; log_id: string; newest: number }>(
    `SELECT l.log_seq, l.log_id,
       coalesce((SELECT max(r.number) FROM revision r WHERE r.log_seq = l.log_seq), 0) AS newest
     FROM task t JOIN log l ON l.log_seq = t.log_seq`,
  );
  // By names that every schema has had; what is newer is not known of an older one.
  const bodies = later.prepare<[string, number], Record<string, unknown>>(
    `SELECT r.number, r.body, r.content_type, r.sha256, r.config_version, r.reason, r.created_at
     FROM revision r JOIN log l ON l.log_seq = r.log_seq WHERE l.log_id = ? AND r.number > ?`,
  );
  const keep = copy.prepare(
    `INSERT INTO revision (log_seq, number, body, content_type, sha256, config_version, reason, created_at)
     VALUES (@log_seq, @number, @body, @content_type, @sha256, @config_version, @reason, @created_at)`,
  );
  return copy.transaction(() => {
    let count = 0;
    for (const { log_seq, log_id, newest } of held.all()) {
      for (const body of bodies.all(log_id, newest)) {
        keep.run({ ...body, log_seq });
        count++;
      }
    }
    return count;
  })();
}

function revokedSince(copy: Database.Database, later: Database.Database): string[] {
  const active = copy.prepare<[], { hash: string; name: string }>(
    'SELECT hash, name FROM access_key WHERE revoked_at IS NULL ORDER BY access_key_id',
  );
  const revoked = later
    .prepare<[string], number>('SELECT 1 FROM access_key WHERE hash = ? AND revoked_at IS NOT NULL')
    .pluck();
  return active
    .all()
    .filter(({ hash }) => revoked.get(hash) === 1)
    .map(({ name }) => name);
}
