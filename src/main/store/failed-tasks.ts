import type { Database } from 'better-sqlite3';
import type {
  AttemptReport,
  FailedTask,
  ReportResult,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import {
  decidedOn,
  isReconfiguredSince,
  type Requeued,
  type RetryableLog,
} from '../../shared/model/retry.ts';
import {
  manualRetryVerdict,
  type RetryDoubt,
  sentenceOf,
} from '../../shared/model/retry-verdict.ts';
import type { Certainty, FailedTaskCause } from '../../shared/model/vocabulary.ts';
import type { QueueRetryNow } from './manual-retries.ts';
import { inDoubt } from './reports.ts';
import { createReadRetryable } from './retryable-logs.ts';
import type { Tasks } from './tasks.ts';

interface DeadRow {
  log_seq: number;
  log_id: string;
  attempt: number;
  newest_attempt: number;
  certainty: Certainty | null;
}

interface FailedRow {
  failed_task_id: number;
  log_id: string;
  attempt: number | null;
  lab_id: number;
  lab_integration_id: number | null;
  action_category: string;
  cause: FailedTaskCause;
  error_message: string;
  certainty: Certainty | null;
  failed_at: number;
  requeued_at: number | null;
  requeue_reason: string | null;
}

/**
 * Moves tasks that died before their handler could report into the failed-task queue; their logs
 * tell of it too.
 */
export function createBury(
  db: Database,
  tasks: Tasks,
  applyReport: (report: AttemptReport) => ReportResult,
): (death: TaskDeath) => string | null {
  const dead = db.prepare<[number], DeadRow>(
    `SELECT t.log_seq, l.log_id, t.attempt, l.newest_attempt, l.certainty FROM task t JOIN log l ON l.log_seq = t.log_seq
     WHERE t.task_id = ?`,
  );
  const insert = db.prepare(
    `INSERT INTO failed_task (log_seq, attempt, cause, error_message, certainty, failed_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  );
  // Where no attempt was ever stamped there is none to report on; the log alone is told.
  const failLog = db.prepare(
    `UPDATE log SET status = 'FAIL', certainty = 'NOT_SENT', error_kind = 'HANDLER', error_message = ?,
       stage = 'REPORTED', activity_date = ?, updated_at = ?
     WHERE log_seq = ? AND status <> 'SUCCESS'`,
  );
  const textPending = db.prepare('INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)');

  return ({ taskId, cause, errorMessage, stamped, at }) => {
    const task = dead.get(taskId);
    if (!task) return null;
    // An earlier attempt may have arrived: that this one did not start takes nothing of it back.
    const certainty = stamped ? 'UNKNOWN' : (task.certainty ?? 'NOT_SENT');
    if (stamped) {
      const { log_id: logId, attempt } = task;
      applyReport(inDoubt({ logId, attempt }, 'HANDLER', errorMessage, at));
    } else if (task.newest_attempt === 0) {
      failLog.run(errorMessage, at, at, task.log_seq);
      textPending.run(task.log_seq);
    }
    insert.run(task.log_seq, stamped ? task.attempt : null, cause, errorMessage, certainty, at);
    tasks.end(taskId, at);
    return task.log_id;
  };
}

/** Queueing a failed task once more: a retry by hand of the stored bytes under their old key. */
export function createFailedTaskCommands(db: Database, queueRetry: QueueRetryNow) {
  const find = db.prepare<[number], { log_id: string; requeued_at: number | null }>(
    `SELECT l.log_id, f.requeued_at FROM failed_task f JOIN log l ON l.log_seq = f.log_seq
     WHERE f.failed_task_id = ?`,
  );
  const read = createReadRetryable(db);
  const ruleOf = db.prepare<[number], { version: number; credentials_at: number | null }>(
    `SELECT i.version, (SELECT a.updated_at FROM developer_authentication a
       WHERE a.developer_authentication_id = i.developer_authentication_id) AS credentials_at
     FROM lab_integration i WHERE i.lab_integration_id = ?`,
  );
  const mark = db.prepare(
    'UPDATE failed_task SET requeued_at = ?, requeue_reason = ? WHERE failed_task_id = ?',
  );

  const isReconfigured = (log: RetryableLog) => {
    const rule = log.labIntegrationId === null ? undefined : ruleOf.get(log.labIntegrationId);
    return isReconfiguredSince(log, rule ?? null, rule?.credentials_at ?? null);
  };

  /** What stands against it; null: nothing that a reason would be needed for. */
  const doubtOf = (log: RetryableLog): RetryDoubt | null => {
    const { doubts } = manualRetryVerdict({
      certainty: log.certainty,
      resolution: log.resolution,
      mayHold: log.mayHold,
      isBodyChanged: log.lastRevision !== null && log.revision !== log.lastRevision,
      isReconfigured: isReconfigured(log),
      isOvertaken: log.overtakenBy !== null,
    });
    return doubts[0] ?? null;
  };

  return {
    requeueFailedTask(request: {
      failedTaskId: number;
      reason: string | null;
      actor: string;
      now: number;
    }): Requeued {
      const { failedTaskId, reason, actor, now } = request;
      const task = find.get(failedTaskId);
      const log = task && read(task.log_id);
      if (!task || !log) return { outcome: 'NOT_FOUND' };
      if (task.requeued_at !== null) return { outcome: 'ALREADY_REQUEUED' };
      if (log.task !== null) return { outcome: 'OPEN_TASK' };
      if (log.revision === 0 || log.labIntegrationId === null) return { outcome: 'NO_PAYLOAD' };
      const doubt = doubtOf(log);
      if (doubt !== null && reason === null) {
        if (doubt === 'OVERTAKEN') return { outcome: 'NEWER_ACCEPTED' };
        const { mayHold } = log;
        return {
          outcome: 'REASON_NEEDED',
          sentence: sentenceOf(doubt, { mayHold, isBodyChanged: false }),
        };
      }
      const queued = queueRetry(
        {
          logId: log.logId,
          expect: decidedOn(log),
          body: { kind: 'STORED', revision: log.revision },
          isBodyChosen: false,
          note: {
            actor,
            reason,
            bulkRetryId: null,
            body: 'STORED',
            objectsFrom: null,
            fallback: null,
            changed: [],
          },
          now,
        },
        { kind: 'REQUEUED', words: 'queued once more from the failed-task queue' },
      );
      if (queued.outcome === 'NOT_QUEUED') return { outcome: 'IMPOSSIBLE', why: queued.why };
      mark.run(now, reason, failedTaskId);
      return { outcome: 'REQUEUED', logId: log.logId };
    },
  };
}

/** The failed-task queue as people read it. */
export function createFailedTaskQueries(db: Database) {
  const list = db.prepare<
    [{ beforeId: number | null; limit: number; includeRequeued: number }],
    FailedRow
  >(
    `SELECT f.failed_task_id, l.log_id, f.attempt, l.lab_id, l.lab_integration_id, l.action_category,
       f.cause, f.error_message, f.certainty, f.failed_at, f.requeued_at, f.requeue_reason
     FROM failed_task f JOIN log l ON l.log_seq = f.log_seq
     WHERE (@beforeId IS NULL OR f.failed_task_id < @beforeId)
       AND (@includeRequeued = 1 OR f.requeued_at IS NULL)
     ORDER BY f.failed_task_id DESC LIMIT @limit`,
  );
  return {
    listFailedTasks(request: {
      beforeId: number | null;
      limit: number;
      includeRequeued: boolean;
    }): FailedTask[] {
      return list
        .all({ ...request, includeRequeued: request.includeRequeued ? 1 : 0 })
        .map((row) => ({
          failedTaskId: row.failed_task_id,
          logId: row.log_id,
          attempt: row.attempt,
          labId: row.lab_id,
          labIntegrationId: row.lab_integration_id,
          actionCategory: row.action_category,
          cause: row.cause,
          errorMessage: row.error_message,
          certainty: row.certainty,
          failedAt: row.failed_at,
          requeuedAt: row.requeued_at,
          requeueReason: row.requeue_reason,
        }));
    },
  };
}
