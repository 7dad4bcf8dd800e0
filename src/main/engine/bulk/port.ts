import type {
  BatchAnswer,
  BatchBegun,
  BatchCancelled,
  BatchRecord,
  BatchReleased,
  BatchSearch,
  BuildChunk,
  BuildResult,
  KnownEvent,
  NewBatch,
  OpenBatch,
  RecordParcel,
  Rejection,
  SealBatch,
  StoredBatchState,
} from '../../../shared/model/batch.ts';
import type { AnsweredCall } from '../../../shared/model/call.ts';
import type { IntakePort } from '../intake/port.ts';

/** What the arrival of batches needs of the store, as whole commands. */
export interface ArrivalPort {
  /** Begins a batch, unless its `Idempotency-Key` was used before. */
  beginBatch(batch: NewBatch): Promise<BatchBegun>;
  /** Keeps records that have arrived; those of a batch that was not begun are not kept. */
  spoolRecords(request: { batchId: string; parcel: RecordParcel }): Promise<void>;
  /**
   * Ends the arrival: from this commit on the batch is finished whatever happens.
   * @returns null where no such batch is arriving, or not all of its records have been kept
   */
  sealBatch(seal: SealBatch): Promise<OpenBatch | null>;
  /** Adds to a batch's call what it was answered in the end. */
  completeCall(answered: AnsweredCall): Promise<void>;
  /** Drops a batch that has not arrived whole. @returns whether parcels of it may be left */
  dropBatch(request: { batchId: string }): Promise<boolean>;
  openBatch(batchSeq: number): Promise<OpenBatch | null>;
}

/** What the building of batches needs of it. */
export interface BuildPort extends Pick<IntakePort, 'readIntake'> {
  /** The parcel that holds the record at a position; null where that is built. */
  recordParcel(request: { batchSeq: number; from: number }): Promise<RecordParcel | null>;
  /** Those of the ids by which a lab has an event. */
  knownEvents(request: { labId: number; eventIds: string[] }): Promise<KnownEvent[]>;
  /** Commits a chunk: all that its records have become, and that they are built. */
  buildBatch(chunk: BuildChunk): Promise<BuildResult>;
}

/** What the life of batches after their arrival needs of it. */
export interface BatchPort extends ArrivalPort {
  /** Batches that a former life left unfinished, the oldest first. */
  unfinishedBatches(): Promise<OpenBatch[]>;
  /** Makes a chunk of a built batch's tasks ready; the last one opens it. */
  releaseBatch(request: {
    batchSeq: number;
    afterTaskId: number;
    limit: number;
    now: number;
  }): Promise<BatchReleased>;
  /** Notes that a batch is to be cancelled. @returns null where there is none */
  beginCancel(request: {
    batchId: string;
    actor: string;
    reason: string;
    now: number;
  }): Promise<{ batchSeq: number; state: StoredBatchState } | null>;
  /** Takes out a chunk of what has not been sent; the last one ends the cancelling. */
  cancelBatchTasks(request: {
    batchSeq: number;
    afterTaskId: number;
    limit: number;
    now: number;
  }): Promise<BatchCancelled>;
  batchAnswer(batchSeq: number): Promise<BatchAnswer | null>;
  batchRejections(request: { batchSeq: number; limit: number }): Promise<Rejection[]>;
  /** The newest first. */
  listBatches(search: BatchSearch): Promise<BatchRecord[]>;
  getBatch(batchId: string): Promise<BatchRecord | null>;
}

/** All that bulk dispatch needs of the store. */
export interface BulkPort extends BatchPort, BuildPort {}
