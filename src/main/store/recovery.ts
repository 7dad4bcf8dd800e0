import type { Database } from 'better-sqlite3';
import type { AttemptReport, ReportResult, TaskDeath } from '../../shared/model/delivery.ts';
import { LONGEST_LEASE_MS, REPORT_WITHIN_MS } from '../../shared/model/lease.ts';
import { LEASED } from './lease-queries.ts';
import type { ScheduleStep } from '../../shared/model/retry.ts';
import type { Endings } from './endings.ts';
import { inDoubt } from './reports.ts';
import type { Tasks } from './tasks.ts';

interface ClaimRow {
  task_id: number;
  log_id: string;
  attempt: number;
  stamped_at: number | null;
  begun_at: number | null;
  is_leased: number;
  is_ours: number;
}

const ENDED = 'LabRelay ended while this attempt was under way; the partner may have received it.';

const LOST =
  'LabRelay lost sight of this attempt while it was under way; the partner may have received it.';

const NOT_REPORTED =
  'The outside worker had started this attempt and did not report in time; the partner may have received it.';

/**
 * Deals with claims whose owner is gone: at a start those of this engine's former life, at any time
 * those whose lease has run out, also our own where nobody here holds the task (a commit that was told
 * as failed is on disk all the same); an outside worker's lease runs on over our restarts. Unstamped ones never sent a byte and go back to the queue; stamped
 * ones without an outcome may have arrived, so they are `UNKNOWN`; one that was being handled alone
 * when its second crash came goes to the failed-task queue.
 */
export function createRecovery(
  db: Database,
  tasks: Tasks,
  endings: Endings,
  applyReport: (report: AttemptReport) => ReportResult,
  bury: (death: TaskDeath) => void,
) {
  const orphans = db.prepare<
    [{ worker: string; now: number; atStart: number; mine: string | null }],
    ClaimRow
  >(
    `SELECT t.task_id, l.log_id, t.attempt, t.stamped_at, t.begun_at,
       t.claimed_by GLOB '${LEASED}' AS is_leased, t.claimed_by = @worker AS is_ours
     FROM task t JOIN log l ON l.log_seq = t.log_seq
     WHERE t.state = 'CLAIMED' AND CASE
       WHEN t.claimed_by = @worker THEN @atStart = 1 OR (@mine IS NOT NULL AND t.lease_until < @now
         AND t.task_id NOT IN (SELECT value FROM json_each(@mine)))
       -- A clock that was set back must not keep it for ever.
       WHEN t.claimed_by GLOB '${LEASED}' THEN t.lease_until < @now
         OR t.lease_until > @now + ${LONGEST_LEASE_MS + REPORT_WITHIN_MS}
       ELSE t.lease_until < @now END`,
  );
  const requeue = db.prepare(
    `UPDATE task SET state = 'READY', claimed_by = NULL, lease_until = NULL, begun_at = NULL,
       crashes = crashes + ? WHERE task_id = ?`,
  );

  return {
    recover(request: { worker: string; now: number; atStart: boolean; mine?: number[] }) {
      const retries: ScheduleStep[] = [];
      const result = { requeued: 0, unknown: 0, failed: 0 };
      const { worker, now, atStart } = request;
      const mine = request.mine ? JSON.stringify(request.mine) : null;
      for (const claim of orphans.all({ worker, now, atStart: atStart ? 1 : 0, mine })) {
        const isLost = claim.is_ours === 1 && !atStart;
        if (claim.stamped_at !== null) {
          const attempt = { logId: claim.log_id, attempt: claim.attempt };
          const report =
            claim.is_leased === 1
              ? inDoubt(attempt, 'LEASE_EXPIRED', NOT_REPORTED, now)
              : inDoubt(attempt, 'CRASH', isLost ? LOST : ENDED, now);
          applyReport(report);
          const ended = endings.end(claim.task_id, report, false);
          if (ended?.retry) retries.push(ended.retry);
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
          // A worker that went away says nothing of how LabRelay fares with the task.
          requeue.run(claim.is_leased === 1 || isLost ? 0 : 1, claim.task_id);
          tasks.holdIfDisabled(claim.task_id);
          result.requeued++;
        }
      }
      return retries.length > 0 ? { ...result, retries } : result;
    },
  };
}
