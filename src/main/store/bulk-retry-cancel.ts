import type { Database } from 'better-sqlite3';
import type { BulkAct } from '../../shared/model/bulk-retry.ts';
import { createTakeOut } from './take-out.ts';
import type { Tasks } from './tasks.ts';

/** Taking out what a cancelled bulk retry has not sent, a chunk a command. */
export function createBulkCancelCommands(db: Database, tasks: Tasks) {
  // Of a log that goes on by its schedule nothing is taken out: its attempt here has ended.
  const unsent = db.prepare<[object], { position: number; task_id: number; log_seq: number }>(
    `SELECT i.position, t.task_id, i.log_seq
     FROM bulk_retry_item i CROSS JOIN task t ON t.log_seq = i.log_seq
     WHERE i.bulk_retry_seq = @bulkRetrySeq AND i.state = 'QUEUED'
       AND t.attempt = i.attempt AND t.stamped_at IS NULL
       AND json_extract(t.retry, '$.bulkRetryId') = @bulkRetryId
     ORDER BY i.position LIMIT (@limit | 0)`,
  );
  const planned = db
    .prepare<[object], number>(
      `SELECT position FROM bulk_retry_item
       WHERE bulk_retry_seq = @bulkRetrySeq AND state = 'PLANNED'
       ORDER BY position LIMIT (@limit | 0)`,
    )
    .pluck();
  const decision = db.prepare<[number], { bulk_retry_id: string; acts: string }>(
    `SELECT bulk_retry_id, acts FROM bulk_retry WHERE bulk_retry_seq = ? AND state = 'CANCELLED'`,
  );
  const skip = db.prepare<[object]>(
    `UPDATE bulk_retry_item SET state = 'SKIPPED', verdict = 'CANCELLED', is_canary = 0,
       ended_at = @now
     WHERE bulk_retry_seq = @bulkRetrySeq AND position = @position`,
  );
  const takeOut = createTakeOut(db, tasks);

  return {
    /**
     * Takes out a chunk of what a cancelled one has not sent. What is under way ends by itself.
     * @returns how many; 0: nothing is left but what is under way
     */
    cancelBulkItems(request: { bulkRetrySeq: number; limit: number; now: number }): number {
      const { bulkRetrySeq, now } = request;
      const decided = decision.get(bulkRetrySeq);
      if (!decided) return 0;
      const { bulk_retry_id: bulkRetryId } = decided;
      const { actor, reason } = cancelActOf(decided.acts);
      const queued = unsent.all({ ...request, bulkRetryId });
      for (const { task_id: taskId, log_seq: logSeq } of queued) {
        const why = reason ?? `bulk retry ${bulkRetryId} was cancelled`;
        takeOut({ taskId, logSeq }, { actor, reason: why, now });
      }
      const positions = [...queued.map(({ position }) => position), ...planned.all(request)];
      for (const position of positions) skip.run({ bulkRetrySeq, position, now });
      return positions.length;
    },
  };
}

/** Who cancelled it: the last act, since nothing can be done to it afterwards. */
function cancelActOf(acts: string): Pick<BulkAct, 'actor' | 'reason'> {
  const last = (JSON.parse(acts) as BulkAct[]).at(-1);
  return last?.action === 'cancel' ? last : { actor: 'LabRelay', reason: null };
}
