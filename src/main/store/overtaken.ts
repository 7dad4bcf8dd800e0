import type { Database } from 'better-sqlite3';
import type { Key } from './ordering.ts';
import type { Tasks } from './tasks.ts';

/** Finds a newer log of an ordering key that was accepted. @returns its `log_id`; null: there is none */
export function createOvertakenBy(db: Database): (log: Key & { logSeq: number }) => string | null {
  const newer = db
    .prepare<[Key & { logSeq: number }], string>(
      `SELECT log_id FROM log INDEXED BY log_of_key
       WHERE lab_integration_id = (@integration | 0) AND ordering_key = (@key || '')
         AND log_seq > (@logSeq | 0) AND certainty = 'ACCEPTED' LIMIT 1`,
    )
    .pluck();
  return (log) => newer.get(log) ?? null;
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
