import type { Database } from 'better-sqlite3';
import type { BatchAnswer, BuildResult, Rejection } from '../../shared/model/batch.ts';
import type { NewDelivery } from '../../shared/model/delivery.ts';
import { type EncodedChunk, eventsOf } from './batch-wire.ts';
import { createEventRows } from './event-rows.ts';
import { Undone } from './group-commit.ts';

/** It is the batch that was answered, not its events. */
const ANSWER_STATUS = 202;
const NO_ANSWER = '{}';

/** How the records of a batch become events, logs and tasks. */
export function createBatchRecordCommands(
  db: Database,
  insertDelivery: (delivery: NewDelivery, batchSeq: number) => void,
) {
  const rows = createEventRows(db);
  const built = db
    .prepare<[number], number>(`SELECT built FROM batch WHERE batch_seq = ? AND state = 'BUILDING'`)
    .pluck();
  const insertRejection = db.prepare(
    'INSERT INTO batch_rejection (batch_seq, position, field, reason) VALUES (?, ?, ?, ?)',
  );
  const advance = db.prepare<[object]>(
    `UPDATE batch SET built = @upTo, accepted = accepted + @accepted, rejected = rejected + @rejected,
       state = CASE WHEN @upTo < records THEN 'BUILDING'
         WHEN cancelled_at IS NULL THEN 'RELEASING' ELSE 'CANCELLING' END
     WHERE batch_seq = @batchSeq`,
  );
  const forget = db.prepare<[number, number]>(
    'DELETE FROM batch_record WHERE batch_seq = ? AND position + records <= ?',
  );

  return {
    /**
     * Commits a chunk: events, objects, logs, revisions and tasks of its records, what was rejected,
     * and that they are built. The last chunk ends the building.
     */
    buildBatch(chunk: EncodedChunk): BuildResult | Undone {
      const { batchSeq, labId, accessKeyId, receivedAt, upTo, events, rejections } = chunk;
      const before = built.get(batchSeq);
      // It is committed already.
      if (before === undefined || before >= upTo) return { outcome: 'BUILT' };
      // The chunk before it met a conflict.
      if (before !== chunk.from) return { outcome: 'CONFLICT' };
      const common = {
        labId,
        accessKeyId,
        receivedAt,
        answer: NO_ANSWER,
        answerStatus: ANSWER_STATUS,
      };
      let accepted = 0;
      for (const { event, objects, deliveries } of eventsOf(events)) {
        for (const object of objects) {
          if (!rows.writeObject(labId, receivedAt, object)) return CONFLICT();
        }
        if (!rows.insertEvent({ ...event, ...common })) return CONFLICT();
        for (const delivery of deliveries) insertDelivery(delivery, batchSeq);
        accepted++;
      }
      for (const { index, field, reason } of rejections) {
        insertRejection.run(batchSeq, index, field, reason);
      }
      const counts = { accepted, rejected: rejections.length };
      advance.run({ batchSeq, upTo, ...counts });
      forget.run(batchSeq, upTo);
      return { outcome: 'BUILT' };
    },
  };
}

const CONFLICT = () => new Undone({ outcome: 'CONFLICT' } satisfies BuildResult);

/** What a batch's caller is answered. */
export function createBatchAnswerQueries(db: Database) {
  const batch = db.prepare<[number], { batchId: string; accepted: number; isBuilt: number }>(
    `SELECT batch_id AS batchId, accepted, state NOT IN ('RECEIVING', 'BUILDING') AS isBuilt
     FROM batch WHERE batch_seq = ?`,
  );
  // Not by time: all of a batch have one.
  const logs = db
    .prepare<[string], string>(
      `SELECT log_id FROM log INDEXED BY log_of_batch WHERE batch_id = ?
         AND direction = 'OUTBOUND' ORDER BY log_seq`,
    )
    .pluck();
  const rejections = db.prepare<[number, number], Rejection>(
    `SELECT position AS "index", field, reason FROM batch_rejection WHERE batch_seq = ?
     ORDER BY position LIMIT ?`,
  );

  return {
    /** The answer to a batch as far as it is built; null where there is no such batch. */
    batchAnswer(batchSeq: number): BatchAnswer | null {
      const row = batch.get(batchSeq);
      if (!row) return null;
      return {
        ...row,
        isBuilt: row.isBuilt === 1,
        logIds: logs.all(row.batchId),
        rejections: rejections.all(batchSeq, -1),
      };
    },

    batchRejections(request: { batchSeq: number; limit: number }): Rejection[] {
      return rejections.all(request.batchSeq, request.limit);
    },
  };
}
