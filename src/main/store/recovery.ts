import type { Database } from 'better-sqlite3';
import type { AttemptReport, ReportResult, TaskDeath } from '../../shared/model/delivery.ts';
import { inDoubt } from './reports.ts';
import type { Tasks } from './tasks.ts';

interface ClaimRow {
  task_id: number;
  log_id: string;
  attempt: number;
  stamped_at: number | null;
  begun_at: number | null;
}

const ENDED = 'LabRelay ended while this attempt was under way; the partner may have received it.';

/**
 * Deals with claims whose owner is gone: at a start those of this engine's former life, at any time
 * those whose lease has run out. Unstamped ones never sent a byte and go back to the queue; stamped
 * ones without an outcome may have arrived, so they are `UNKNOWN`; one that was being handled alone
 * when its second crash came goes to the failed-task queue.
 */
export function createRecovery(
  db: Database,
  tasks: Tasks,
  applyReport: (report: AttemptReport) => ReportResult,
  bury: (death: TaskDeath) => void,
) {
  const orphans = db.prepare<[{ worker: string; now: number; atStart: number }], ClaimRow>(
    `SELECT t.task_id, l.log_id, t.attempt, t.stamped_at, t.begun_at
     FROM task t JOIN log l ON l.log_seq = t.log_seq
     WHERE t.state = 'CLAIMED' AND CASE
       WHEN t.claimed_by = @worker THEN @atStart = 1 ELSE t.lease_until < @now END`,
  );
  const requeue = db.prepare(
    `UPDATE task SET state = 'READY', claimed_by = NULL, lease_until = NULL, begun_at = NULL,
       crashes = crashes + 1 WHERE task_id = ?`,
  );

  return {
    recover(request: { worker: string; now: number; atStart: boolean }) {
      const result = { requeued: 0, unknown: 0, failed: 0 };
      const { worker, now } = request;
      for (const claim of orphans.all({ worker, now, atStart: request.atStart ? 1 : 0 })) {
        if (claim.stamped_at !== null) {
          applyReport(
            inDoubt({ logId: claim.log_id, attempt: claim.attempt }, 'CRASH', ENDED, now),
          );
          tasks.end(claim.task_id, now);
          result.unknown++;
        } else if (claim.begun_at !== null) {
          bury({
            taskId: claim.task_id,
            cause: 'CRASHED_TWICE',
            errorMessage: 'LabRelay ended twice while it was handling this task; nothing was sent.',
            stamped: false,
            at: now,
          });
          result.failed++;
        } else {
          requeue.run(claim.task_id);
          tasks.holdIfDisabled(claim.task_id);
          result.requeued++;
        }
      }
      return result;
    },
  };
}
