import type { Database } from 'better-sqlite3';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import type { Tasks } from './tasks.ts';

/** Who takes something out of the queue, and why. */
export interface TakeOut {
  actor: string;
  reason: string;
  now: number;
}

/**
 * Takes a task out of the queue that people want sent no more and that is not stamped: its log says so. A
 * claim that is not stamped has sent nothing, and its stamp will find no task.
 *
 * @returns a function that tells what of its ordering key has become ready so
 */
export function createTakeOut(
  db: Database,
  tasks: Pick<Tasks, 'remove'>,
): (task: { taskId: number; logSeq: number }, by: TakeOut) => KeyWentOn | null {
  const cancelled = db.prepare<[{ logSeq: number; now: number }]>(
    `UPDATE log SET held_reason = NULL, next_retry_at = NULL, retry_state = 'CANCELLED',
       certainty = coalesce(certainty, 'NOT_SENT'),
       status = CASE status WHEN 'PENDING' THEN 'FAIL' ELSE status END,
       activity_date = @now, updated_at = max(updated_at, @now)
     WHERE log_seq = @logSeq`,
  );
  const note = db.prepare<[number, number, string, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, ?, 'CANCELLED', ?)`,
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );
  return ({ taskId, logSeq }, { actor, reason, now }) => {
    const wentOn = tasks.remove(taskId)?.wentOn ?? null;
    cancelled.run({ logSeq, now });
    note.run(logSeq, now, actor, reason);
    textPending.run(logSeq);
    return wentOn;
  };
}
