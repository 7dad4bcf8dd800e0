import type { Database } from 'better-sqlite3';
import type { CancelledRetry } from '../../shared/model/retry.ts';
import type { Direction, RetryState } from '../../shared/model/vocabulary.ts';
import { createTakeOut } from './take-out.ts';
import type { Tasks } from './tasks.ts';

interface Row {
  log_seq: number;
  direction: Direction;
  retry_state: RetryState;
  batch_id: string | null;
}

/** Stopping what would still be sent of a log. */
export function createCancelCommands(db: Database, tasks: Tasks) {
  const find = db.prepare<[string], Row>(
    'SELECT log_seq, direction, retry_state, batch_id FROM log WHERE log_id = ?',
  );
  const taskOf = db.prepare<
    [number],
    { task_id: number; state: string; stamped_at: number | null }
  >('SELECT task_id, state, stamped_at FROM task WHERE log_seq = ?');
  const takeOut = createTakeOut(db, tasks);
  // Its outcome is still to come: only what would follow it is stopped.
  const stopped = db.prepare<[object]>(
    `UPDATE log SET next_retry_at = NULL, retry_state = 'CANCELLED',
       updated_at = max(updated_at, @now) WHERE log_seq = @logSeq`,
  );
  const note = db.prepare<[number, number, string, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, ?, 'CANCELLED', ?)`,
  );

  return {
    /** Repeats change nothing. Those of its ordering key that waited for it go on. */
    cancelRetry(request: {
      logId: string;
      actor: string;
      reason: string;
      now: number;
    }): CancelledRetry {
      const { now, actor, reason } = request;
      const log = find.get(request.logId);
      if (!log) return { outcome: 'NOT_FOUND' };
      if (log.direction === 'INBOUND') return { outcome: 'CALL' };
      const { log_seq: logSeq } = log;
      const task = taskOf.get(logSeq);
      if (!task) return { outcome: 'NOTHING' };
      if (task.state === 'RECEIVING') return { outcome: 'BATCH', batchId: log.batch_id };
      if (task.state === 'REPORTING' || task.stamped_at !== null) {
        if (log.retry_state === 'CANCELLED') return { outcome: 'IN_FLIGHT' };
        stopped.run({ logSeq, now });
        note.run(logSeq, now, actor, reason);
        return { outcome: 'IN_FLIGHT' };
      }
      const wentOn = takeOut({ taskId: task.task_id, logSeq }, { actor, reason, now });
      return { outcome: 'CANCELLED', wentOn };
    },
  };
}
