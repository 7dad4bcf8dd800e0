import type { Database } from 'better-sqlite3';

/**
 * To which batch deliveries belong that are queued or fail after it was released: a batch that is
 * cancelled takes them along.
 */
export function createBatchOf(db: Database) {
  // Two look-ups, not a join, which SQLite would plan anew for every task (see queue.ts).
  const idOf = db
    .prepare<[number], string | null>('SELECT batch_id FROM log WHERE log_seq = ?')
    .pluck();
  const find = db.prepare<[string], { batch_seq: number; cancelled_at: number | null }>(
    'SELECT batch_seq, cancelled_at FROM batch WHERE batch_id = ?',
  );
  const of = (logSeq: number) => {
    const batchId = idOf.get(logSeq) ?? null;
    return batchId === null ? undefined : find.get(batchId);
  };
  return {
    /** The batch that a log's next task goes with; null: none, or what is queued after its cancelling. */
    open(logSeq: number): number | null {
      const batch = of(logSeq);
      return batch && batch.cancelled_at === null ? batch.batch_seq : null;
    },
  };
}
