import type { Database } from 'better-sqlite3';
import type { AnsweredCall } from '../../shared/model/call.ts';
import type {
  BatchBegun,
  BatchEnvelope,
  KnownEvent,
  NewBatch,
  OpenBatch,
  RecordParcel,
  SealBatch,
  StoredBatchState,
} from '../../shared/model/batch.ts';
import { fieldError, type LabRelayError } from '../../shared/errors.ts';
import { encodeBody } from './bodies.ts';
import { type EncodedCall, encodeCall } from './calls.ts';

/** Parcels of a dropped batch that one command throws away: some MiB. */
const PARCELS_DROPPED = 8;

interface OpenRow {
  batch_seq: number;
  batch_id: string;
  state: StoredBatchState;
  route: OpenBatch['route'];
  envelope: string | null;
  body_hash: string | null;
  access_key_id: number | null;
  triggered_by: string | null;
  received_at: number;
  built: number;
  records: number;
}

const OPEN_COLUMNS = `batch_seq, batch_id, state, route, envelope, body_hash, access_key_id, triggered_by,
  received_at, built, records`;

/** A batch that has arrived whole. */
function openBatchOf(row: OpenRow): OpenBatch {
  return {
    batchSeq: row.batch_seq,
    batchId: row.batch_id,
    state: row.state,
    route: row.route,
    envelope: JSON.parse(row.envelope ?? 'null') as BatchEnvelope | null,
    bodyHash: row.body_hash,
    accessKeyId: row.access_key_id,
    triggeredBy: row.triggered_by,
    receivedAt: row.received_at,
    built: row.built,
    records: row.records,
  };
}

/** As {@link SealBatch}, with its call as columns. */
export type EncodedSeal = Omit<SealBatch, 'call'> & { call: EncodedCall | null };

/** Done on the calling thread. */
export function encodeSealBatch(seal: SealBatch): EncodedSeal {
  // Its answer's body is known later.
  return { ...seal, call: seal.call && encodeCall(seal.call, null) };
}

/** How batches arrive: begun, filled parcel by parcel, sealed; or dropped. */
export function createBatchCommands(db: Database, keepCall: (call: EncodedCall) => void) {
  const eventKey = db.prepare<[string, string]>(
    'SELECT 1 FROM idempotency WHERE scope = ? AND key = ?',
  );
  const byKey = db
    .prepare<[string, string], number>(
      `SELECT batch_seq FROM batch INDEXED BY batch_by_idempotency
       WHERE idempotency_scope = ? AND idempotency_key = ? AND idempotency_key IS NOT NULL
         AND state <> 'DROPPED'`,
    )
    .pluck();
  const insert = db.prepare(
    `INSERT INTO batch (batch_id, state, route, access_key_id, triggered_by, idempotency_scope,
       idempotency_key, received_at) VALUES (?, 'RECEIVING', ?, ?, ?, ?, ?, ?)`,
  );
  const spool = db.prepare<[object]>(
    `INSERT INTO batch_record (batch_seq, position, records, lines)
     SELECT batch_seq, @position, @records, @lines FROM batch
     WHERE batch_id = @batchId AND state = 'RECEIVING'`,
  );
  const seal = db.prepare<[object], OpenRow>(
    `UPDATE batch SET state = 'BUILDING', envelope = @envelope, lab_id = @labId,
       action_category = @actionCategory, records = @records, body_hash = @bodyHash
     WHERE batch_id = @batchId AND state = 'RECEIVING'
       -- Its parcels came in other commits, one of which may have failed alone.
       AND @records = (SELECT coalesce(sum(r.records), 0) FROM batch_record r
         WHERE r.batch_seq = batch.batch_seq)
     RETURNING ${OPEN_COLUMNS},
       idempotency_scope, idempotency_key`,
  );
  const insertKey = db.prepare(
    `INSERT INTO idempotency (scope, key, body_hash, status, answer, expires_at)
     VALUES (?, ?, ?, 202, ?, ?)`,
  );
  const drop = db
    .prepare<[number], number>(
      `UPDATE batch SET state = 'DROPPED' WHERE batch_seq = ? AND state IN ('RECEIVING', 'DROPPED')
       RETURNING batch_seq`,
    )
    .pluck();
  const dropParcels = db.prepare<[number, number]>(
    `DELETE FROM batch_record WHERE batch_seq = ? AND position IN (SELECT position
       FROM batch_record WHERE batch_seq = ? ORDER BY position LIMIT ${PARCELS_DROPPED})`,
  );
  const timeCall = db
    .prepare<[AnsweredCall], number>(
      `UPDATE log SET response_time = @responseTime, updated_at = max(updated_at, @now)
       WHERE log_id = @logId AND direction = 'INBOUND' RETURNING log_seq`,
    )
    .pluck();
  const answerCall = db.prepare(
    'UPDATE inbound_call SET response_body = ?, response_body_cut = ? WHERE log_seq = ?',
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );
  const seqOf = db
    .prepare<[string], number>('SELECT batch_seq FROM batch WHERE batch_id = ?')
    .pluck();

  return {
    /** Begins a batch, unless its `Idempotency-Key` was used before. */
    beginBatch(batch: NewBatch): BatchBegun {
      const { idempotency } = batch;
      if (idempotency) {
        const known = byKey.get(idempotency.scope, idempotency.key);
        if (known !== undefined) return { outcome: 'KNOWN', batchSeq: known };
        if (eventKey.get(idempotency.scope, idempotency.key)) return { outcome: 'KEY_OF_EVENT' };
      }
      const { lastInsertRowid } = insert.run(
        batch.batchId,
        batch.route,
        batch.accessKeyId,
        batch.triggeredBy,
        idempotency?.scope ?? null,
        idempotency?.key ?? null,
        batch.receivedAt,
      );
      return { outcome: 'BEGUN', batchSeq: Number(lastInsertRowid) };
    },

    /** Keeps records that have arrived; those of a batch that was not begun are not kept. */
    spoolRecords(request: { batchId: string; parcel: RecordParcel }): void {
      spool.run({ batchId: request.batchId, ...request.parcel });
    },

    /**
     * Ends the arrival of a batch: from this commit on it is finished whatever happens.
     * @returns null where no such batch is arriving, or not all of its records have been kept
     * @throws LabRelayError `IDEMPOTENCY_KEY_REUSED`
     */
    sealBatch({
      batchId,
      envelope,
      records,
      bodyHash,
      expiresAt,
      call,
    }: EncodedSeal): OpenBatch | null {
      const row = seal.get({
        batchId,
        envelope: JSON.stringify(envelope),
        labId: envelope.labId,
        actionCategory: envelope.actionCategory,
        records,
        bodyHash,
      }) as
        | (OpenRow & { idempotency_scope: string | null; idempotency_key: string | null })
        | undefined;
      if (!row) return null;
      // Here, so that nothing is ever fired by a call that is not kept.
      if (call) keepCall(call);
      if (row.idempotency_key !== null) {
        // A single event may have used it while the batch arrived.
        if (eventKey.get(row.idempotency_scope ?? '', row.idempotency_key)) throw keyReused();
        // So that a single event with this key is told that it has been used.
        const answer = JSON.stringify({ batch_id: batchId });
        insertKey.run(row.idempotency_scope, row.idempotency_key, bodyHash, answer, expiresAt);
      }
      return openBatchOf(row);
    },

    /** Adds to a batch's call what it was answered in the end. */
    completeCall(request: AnsweredCall): void {
      const logSeq = timeCall.get(request);
      if (logSeq === undefined) return;
      const { responseBody, responseBodyCut } = request;
      answerCall.run(encodeBody(responseBody), responseBodyCut ? 1 : 0, logSeq);
      textPending.run(logSeq);
    },

    /**
     * Drops a batch that has not arrived whole, some parcels of it at a time; its key is free again
     * at once.
     * @returns whether parcels of it may be left
     */
    dropBatch({ batchId }: { batchId: string }): boolean {
      const batchSeq = seqOf.get(batchId);
      if (batchSeq === undefined || drop.get(batchSeq) === undefined) return false;
      return dropParcels.run(batchSeq, batchSeq).changes === PARCELS_DROPPED;
    },
  };
}

function keyReused(): LabRelayError {
  const reason = 'was used for a single event; give each request its own key';
  return fieldError('IDEMPOTENCY_KEY_REUSED', 'Idempotency-Key', reason);
}

/** What has to be known of batches to go on with them, and to answer for them. */
export function createBatchQueries(db: Database) {
  const unfinished = db.prepare<[], OpenRow>(
    `SELECT ${OPEN_COLUMNS} FROM batch
     WHERE state IN ('RECEIVING', 'BUILDING', 'RELEASING', 'CANCELLING') ORDER BY batch_seq`,
  );
  const one = db.prepare<[number], OpenRow>(
    `SELECT ${OPEN_COLUMNS} FROM batch WHERE batch_seq = ?`,
  );
  const parcel = db.prepare<[{ batchSeq: number; from: number }], RecordParcel>(
    `SELECT position, records, lines FROM batch_record
     WHERE batch_seq = @batchSeq AND position = (SELECT max(position) FROM batch_record
       WHERE batch_seq = @batchSeq AND position <= @from)`,
  );

  const event = db.prepare<[string, number], KnownEvent>(
    'SELECT event_id AS eventId, body_hash AS bodyHash FROM event WHERE event_id = ? AND lab_id = ?',
  );

  return {
    /** Batches that a former life left unfinished, the oldest first. */
    unfinishedBatches(): OpenBatch[] {
      return unfinished.all().map(openBatchOf);
    },

    /** How a batch stands; null where there is none. */
    openBatch(batchSeq: number): OpenBatch | null {
      const row = one.get(batchSeq);
      return row ? openBatchOf(row) : null;
    },

    /** Those of the ids by which a lab has an event, each with the hash of its body. */
    knownEvents(request: { labId: number; eventIds: string[] }): KnownEvent[] {
      return request.eventIds.flatMap((eventId) => event.get(eventId, request.labId) ?? []);
    },

    /** The parcel that holds the record at a position; null where that is built. */
    recordParcel(request: { batchSeq: number; from: number }): RecordParcel | null {
      return parcel.get(request) ?? null;
    },
  };
}
