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
  const mark = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'CANCELLED', next_retry_at = NULL, held_reason = NULL
     WHERE log_seq = ?`,
  );
  const note = db.prepare<[{ logSeq: number; at: number; batchSeq: number }]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note)
     SELECT @logSeq, @at, cancelled_by, 'CANCELLED', cancel_reason FROM batch
     WHERE batch_seq = @batchSeq`,
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

    isCancelled: (logSeq: number) => (of(logSeq)?.cancelled_at ?? null) !== null,

    /** A log that would be tried again is not, since its batch was cancelled: it says so. */
    cancelWithBatch(logSeq: number, at: number): void {
      const batch = of(logSeq);
      if (!batch) return;
      mark.run(logSeq);
      note.run({ logSeq, at, batchSeq: batch.batch_seq });
    },
  };
}
