import type { Database } from 'better-sqlite3';
import type { BatchCancelled, BatchReleased, StoredBatchState } from '../../shared/model/batch.ts';
import { createTakeOut } from './take-out.ts';
import { STAT } from './task-priority.ts';
import type { Tasks } from './tasks.ts';

interface TaskRow {
  task_id: number;
  log_seq: number;
  lab_integration_id: number;
  ordering_key: string | null;
  priority: number;
  deliver_by: number | null;
}

/** How a complete batch's tasks become ready, or are taken out again: a chunk a command. */
export function createBatchReleaseCommands(db: Database, tasks: Tasks) {
  const state = db
    .prepare<[number], StoredBatchState>('SELECT state FROM batch WHERE batch_seq = ?')
    .pluck();
  const restored = db
    .prepare<[number], number>('SELECT is_restored FROM batch WHERE batch_seq = ?')
    .pluck();
  const next = (states: string) =>
    db.prepare<[{ batchSeq: number; afterTaskId: number; limit: number }], TaskRow>(
      `SELECT task_id, log_seq, lab_integration_id, ordering_key, priority, deliver_by FROM task
       WHERE batch_seq = @batchSeq AND task_id > @afterTaskId AND ${states}
       ORDER BY task_id LIMIT @limit`,
    );
  const receiving = next(`state = 'RECEIVING'`);
  // A claim that is not stamped has sent nothing, and its stamp will find no task.
  const unsent = next(`(state IN ('RECEIVING', 'READY', 'WAITING', 'SCHEDULED', 'HELD')
    OR (state = 'CLAIMED' AND stamped_at IS NULL))`);
  const opened = db.prepare<[number, number]>(
    `UPDATE batch SET state = 'OPEN', opened_at = ? WHERE batch_seq = ? AND state = 'RELEASING'`,
  );
  const cancel = db.prepare<[object]>(
    `UPDATE batch SET cancelled_at = @now, cancelled_by = @actor, cancel_reason = @reason,
       state = CASE WHEN state IN ('RELEASING', 'OPEN') THEN 'CANCELLING' ELSE state END
     WHERE batch_id = @batchId AND cancelled_at IS NULL AND state <> 'DROPPED'`,
  );
  const decision = db.prepare<[number], { actor: string; reason: string }>(
    `SELECT cancelled_by AS actor, cancel_reason AS reason FROM batch
     WHERE batch_seq = ? AND state = 'CANCELLING'`,
  );
  const takeOut = createTakeOut(db, tasks);
  const cancelled = db.prepare<[number]>(
    `UPDATE batch SET state = 'CANCELLED' WHERE batch_seq = ?`,
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );
  const seqOf = db
    .prepare<[string], number>('SELECT batch_seq FROM batch WHERE batch_id = ?')
    .pluck();

  return {
    /** Releases a chunk of a batch that is built; the last one opens it. */
    releaseBatch(request: {
      batchSeq: number;
      afterTaskId: number;
      limit: number;
      now: number;
    }): BatchReleased {
      const { batchSeq, now } = request;
      const urgent: number[] = [];
      let { afterTaskId } = request;
      // It is open already, or was cancelled meanwhile.
      if (state.get(batchSeq) !== 'RELEASING') return { isDone: true, afterTaskId, urgent };
      const isRestored = restored.get(batchSeq) === 1;
      const rows = receiving.all(request);
      for (const row of rows) {
        const isUrgent = tasks.admit(
          {
            taskId: row.task_id,
            logSeq: row.log_seq,
            labIntegrationId: row.lab_integration_id,
            orderingKey: row.ordering_key,
            isStat: row.priority === STAT,
            deliverBy: row.deliver_by,
            isRestored,
          },
          now,
        );
        if (isUrgent) urgent.push(row.lab_integration_id);
        textPending.run(row.log_seq);
        afterTaskId = row.task_id;
      }
      const isDone = rows.length < request.limit;
      if (isDone) opened.run(now, batchSeq);
      return { isDone, afterTaskId, urgent };
    },

    /**
     * Notes that a batch is to be cancelled. One that still arrives or is built is cancelled once it
     * is built.
     * @returns its batch_seq and state; null where there is no such batch
     */
    beginCancel(request: {
      batchId: string;
      actor: string;
      reason: string;
      now: number;
    }): { batchSeq: number; state: StoredBatchState } | null {
      const batchSeq = seqOf.get(request.batchId);
      if (batchSeq === undefined) return null;
      cancel.run(request);
      return { batchSeq, state: state.get(batchSeq) ?? 'DROPPED' };
    },

    /** Takes out a chunk of what has not been sent; the last one ends the cancelling. */
    cancelBatchTasks(request: {
      batchSeq: number;
      afterTaskId: number;
      limit: number;
      now: number;
    }): BatchCancelled {
      const { batchSeq, now } = request;
      let { afterTaskId } = request;
      const decided = decision.get(batchSeq);
      if (!decided) return { isDone: true, afterTaskId, cancelled: 0 };
      const rows = unsent.all(request);
      for (const { task_id: taskId, log_seq: logSeq } of rows) {
        takeOut({ taskId, logSeq }, { ...decided, now });
        afterTaskId = taskId;
      }
      const isDone = rows.length < request.limit;
      if (isDone) cancelled.run(batchSeq);
      return { isDone, afterTaskId, cancelled: rows.length };
    },
  };
}
