import type { Database } from 'better-sqlite3';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import type { ResolveLog, ResolveResult } from '../../shared/model/resolution.ts';
import type { Certainty, Direction, LogStatus, Resolution } from '../../shared/model/vocabulary.ts';
import type { Tasks } from './tasks.ts';

interface Row {
  log_seq: number;
  direction: Direction;
  status: LogStatus;
  certainty: Certainty | null;
  newest_attempt: number;
  resolution: Resolution | null;
  open_task: number | null;
  /** The retry that the schedule has in mind. */
  scheduled_task: number | null;
}

/**
 * Closing a log by hand. What the receiver's people say that they have is not sent again by the
 * schedule; what is under way or was asked for by a person must end first.
 *
 * @param liftHold called in the same transaction with the log that was closed: nothing has to wait
 * behind it any longer
 */
export function createResolutionCommands(
  db: Database,
  tasks: Pick<Tasks, 'remove'>,
  liftHold: (headLogSeq: number) => KeyWentOn | null,
) {
  const find = db.prepare<[string], Row>(
    `SELECT l.log_seq, l.direction, l.status, l.certainty, l.newest_attempt, l.resolution,
       (SELECT t.task_id FROM task t WHERE t.log_seq = l.log_seq) AS open_task,
       (SELECT t.task_id FROM task t WHERE t.log_seq = l.log_seq
          AND t.state = 'SCHEDULED') AS scheduled_task
     FROM log l WHERE l.log_id = ?`,
  );
  const close = db.prepare(
    // What has arrived does not count any more as given up.
    `UPDATE log SET status = @status, resolution = @resolution, resolved_at = @now,
       updated_at = max(updated_at, @now), retry_state = CASE
         WHEN @status = 'SUCCESS' AND retry_state = 'EXHAUSTED' THEN 'NONE' ELSE retry_state END
     WHERE log_seq = @logSeq`,
  );
  const retriesNoMore = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'CANCELLED', next_retry_at = NULL WHERE log_seq = ?`,
  );
  const note = db.prepare(
    `INSERT INTO activity (log_seq, at, actor, kind, note, detail) VALUES (?, ?, ?, 'RESOLVED', ?, ?)`,
  );

  return {
    resolveLog({ logId, resolution, reason, actor, now }: ResolveLog): ResolveResult {
      const log = find.get(logId);
      if (!log) return { outcome: 'NOT_FOUND' };
      if (log.direction === 'INBOUND') return { outcome: 'CALL' };
      if (log.resolution === resolution) return { outcome: 'ALREADY_RESOLVED' };
      const replaces = resolution === 'delivered' ? log.scheduled_task : null;
      if (log.open_task !== null && replaces === null) return { outcome: 'OPEN_TASK' };
      // Whoever has erred may say the other thing; the activity keeps both.
      const isOpen = log.status === 'QUEUED' || isUnknown(log) || log.resolution !== null;
      if (!isOpen) return { outcome: 'SETTLED', status: log.status, certainty: log.certainty };
      const next = replaces === null ? null : tasks.remove(replaces);
      if (next) retriesNoMore.run(log.log_seq);
      const status: LogStatus = resolution === 'delivered' ? 'SUCCESS' : 'FAIL';
      close.run({ status, resolution, now, logSeq: log.log_seq });
      const words = resolution === 'delivered' ? 'delivered' : 'not delivered';
      const { certainty, newest_attempt: attempt } = log;
      // Attempts as far as this one are told of, whatever the clock says later.
      const detail = JSON.stringify({ resolution, from: log.status, certainty, attempt });
      note.run(log.log_seq, now, actor, `closed by hand as ${words}: ${reason}`, detail);
      return { outcome: 'RESOLVED', wentOn: liftHold(log.log_seq) ?? next?.wentOn ?? null };
    },
  };
}

function isUnknown({ status, certainty }: Row): boolean {
  return status === 'FAIL' && certainty === 'UNKNOWN';
}
