import type { Database } from 'better-sqlite3';
import type {
  AttemptReport,
  FailedTask,
  ReportResult,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import type { Certainty, FailedTaskCause, Priority } from '../../shared/model/vocabulary.ts';
import { createBatchOf } from './batch-of.ts';
import { inDoubt } from './reports.ts';
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
): (death: TaskDeath) => void {
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
    if (!task) return;
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
  };
}

/** Queueing a failed task once more. */
export function createFailedTaskCommands(db: Database, tasks: Tasks) {
  const batchOf = createBatchOf(db);
  const find = db.prepare<
    [number],
    {
      log_seq: number;
      log_id: string;
      certainty: Certainty | null;
      requeued_at: number | null;
      lab_integration_id: number | null;
      priority: Priority;
      deliver_by: number | null;
      ordering_key: string | null;
      created_at: number;
      newest_attempt: number;
      revision: number;
      open_task: number | null;
    }
  >(
    `SELECT f.log_seq, l.log_id, l.certainty, f.requeued_at, l.lab_integration_id, l.priority,
       l.deliver_by, l.ordering_key, l.created_at, l.newest_attempt, l.revision,
       (SELECT t.task_id FROM task t WHERE t.log_seq = f.log_seq) AS open_task
     FROM failed_task f JOIN log l ON l.log_seq = f.log_seq WHERE f.failed_task_id = ?`,
  );
  // Only what came since is looked at, by the integration's index.
  const newerAccepted = db.prepare<
    [{ integration: number; key: string; logSeq: number; createdAt: number }]
  >(
    `SELECT 1 FROM log INDEXED BY log_by_integration
     WHERE lab_integration_id = @integration AND created_at >= @createdAt
       AND ordering_key = @key AND log_seq > @logSeq AND certainty = 'ACCEPTED' LIMIT 1`,
  );
  const mark = db.prepare(
    'UPDATE failed_task SET requeued_at = ?, requeue_reason = ? WHERE failed_task_id = ?',
  );
  const count = db.prepare(
    `UPDATE log SET retry_count = retry_count + 1, retry_state = 'SCHEDULED', updated_at = ?
     WHERE log_seq = ?`,
  );
  const note = db.prepare(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, ?, 'REQUEUED', ?)`,
  );

  /** Sent now, it would arrive behind a newer one of its ordering key. */
  const overtaken = (task: {
    log_seq: number;
    lab_integration_id: number | null;
    ordering_key: string | null;
    created_at: number;
  }): 'NEWER_ACCEPTED' | null => {
    const { log_seq: logSeq, lab_integration_id: integration, ordering_key: key } = task;
    if (key === null || integration === null) return null;
    const newer = newerAccepted.get({ integration, key, logSeq, createdAt: task.created_at });
    return newer ? 'NEWER_ACCEPTED' : null;
  };

  return {
    requeueFailedTask(request: {
      failedTaskId: number;
      reason: string | null;
      actor: string;
      now: number;
    }) {
      const task = find.get(request.failedTaskId);
      if (!task) return { outcome: 'NOT_FOUND' as const };
      if (task.requeued_at !== null) return { outcome: 'ALREADY_REQUEUED' as const };
      if (task.open_task !== null) return { outcome: 'OPEN_TASK' as const };
      if (task.revision === 0 || task.lab_integration_id === null) {
        return { outcome: 'NO_PAYLOAD' as const };
      }
      const needsReason = mayHold(task.certainty) ? ('REASON_NEEDED' as const) : overtaken(task);
      if (needsReason && request.reason === null) return { outcome: needsReason };
      // Before it is queued, which may hold it.
      count.run(request.now, task.log_seq);
      tasks.add({
        logSeq: task.log_seq,
        labIntegrationId: task.lab_integration_id,
        priority: task.priority,
        orderingKey: task.ordering_key,
        deliverBy: task.deliver_by,
        dueAt: request.now,
        kind: 'MANUAL',
        attempt: task.newest_attempt + 1,
        revision: task.revision,
        batchSeq: null,
        ofBatch: batchOf.open(task.log_seq),
      });
      mark.run(request.now, request.reason, request.failedTaskId);
      note.run(
        task.log_seq,
        request.now,
        request.actor,
        request.reason ?? 'queued once more from the failed-task queue',
      );
      return { outcome: 'REQUEUED' as const, logId: task.log_id };
    },
  };
}

/** Whether the receiver may hold the message, as the log knows by now. */
function mayHold(certainty: Certainty | null): boolean {
  return certainty === 'UNKNOWN' || certainty === 'COMMITTED' || certainty === 'ACCEPTED';
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
