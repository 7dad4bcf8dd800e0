import type { Database } from 'better-sqlite3';
import type { Key } from './ordering.ts';
import type { Tasks } from './tasks.ts';

/** Newer logs of a key or an object that are looked at; where all is well the first was accepted. */
export const NEWER_LOOKED_AT = 5_000;

/**
 * Finds a newer log of an ordering key that the receiver has: it was accepted, or people say so.
 * @returns a function that looks as far as the log `last` and tells the `log_seq`; undefined: there is none
 */
export function createNewerOfKey(db: Database) {
  // The inner LIMIT bounds the search: a key may have very many newer logs.
  const newer = db
    .prepare<[Key & { logSeq: number; last: number }], number>(
      `SELECT log_seq FROM (
         SELECT log_seq, certainty, resolution FROM log INDEXED BY log_of_key
         WHERE lab_integration_id = (@integration | 0) AND ordering_key = (@key || '')
           AND log_seq > (@logSeq | 0) AND log_seq <= (@last | 0)
         ORDER BY log_seq LIMIT ${NEWER_LOOKED_AT})
       WHERE certainty = 'ACCEPTED' OR resolution = 'delivered' LIMIT 1`,
    )
    .pluck();
  return (log: Key & { logSeq: number; last: number }) => newer.get(log);
}

/** As {@link createNewerOfKey}, however new. @returns its `log_id`; null: there is none */
export function createOvertakenBy(db: Database): (log: Key & { logSeq: number }) => string | null {
  const newerOf = createNewerOfKey(db);
  const logId = db.prepare<[number], string>('SELECT log_id FROM log WHERE log_seq = ?').pluck();
  return (log) => {
    const newer = newerOf({ ...log, last: Number.MAX_SAFE_INTEGER });
    return newer === undefined ? null : (logId.get(newer) ?? null);
  };
}

/** Why a retry is stopped behind a newer log: sent now, it would put the receiver back to what is over. */
export function overtakenWords(newer: string): string {
  return `A newer delivery of its ordering key was accepted meanwhile (log ${newer}); this one is not sent again by itself.`;
}

/** Ends the retries of a log, with a note that says why. */
export function createStopRetry(
  db: Database,
  tasks: Tasks,
): (task: { taskId: number; logSeq: number }, why: string, now: number) => void {
  const cancelled = db.prepare<[number, number]>(
    `UPDATE log SET retry_state = 'CANCELLED', updated_at = max(updated_at, ?) WHERE log_seq = ?`,
  );
  const note = db.prepare<[number, number, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note)
     VALUES (?, ?, 'LabRelay', 'RETRY_STOPPED', ?)`,
  );
  return ({ taskId, logSeq }, why, now) => {
    tasks.end(taskId, now);
    cancelled.run(now, logSeq);
    note.run(logSeq, now, why);
  };
}
