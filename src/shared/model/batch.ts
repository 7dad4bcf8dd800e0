import type { TakenCall } from './call.ts';
import type { NewDelivery } from './delivery.ts';
import type { ObjectWrite } from './domain.ts';
import type { Priority } from './vocabulary.ts';

/**
 * Where a batch stands: `RECEIVING` until its last record has become logs and tasks (nothing of it
 * is sent before), then `OPEN` for as long as anything of it is to be sent; `DROPPED` never arrived
 * whole.
 */
export const BATCH_STATES = ['RECEIVING', 'OPEN', 'DONE', 'CANCELLED', 'DROPPED'] as const;
export type BatchState = (typeof BATCH_STATES)[number];

/**
 * As the store has it. RECEIVING: its records are arriving. BUILDING: all have arrived and become
 * events, logs and tasks; from here on it is finished whatever happens. RELEASING: its answer stands,
 * its tasks become ready. CANCELLING: what has not been sent is being taken out.
 */
export type StoredBatchState =
  | 'RECEIVING'
  | 'BUILDING'
  | 'RELEASING'
  | 'OPEN'
  | 'CANCELLING'
  | 'CANCELLED'
  | 'DROPPED';

/** The most records that one call may bring. */
export const MAX_RECORDS = 10_000;
/** From more records than this on a call must carry an `Idempotency-Key`. */
export const KEYLESS_RECORDS = 100;
/** Bytes that a record may have: as much as a single event. */
export const MAX_RECORD_BYTES = 10 * 1024 * 1024;

/** The routes by which batches come in. */
export type BulkRoute = '/integrationWebhookBulkAPI/' | '/report/submit/';

/** What is common to the records of a batch. */
export interface BatchEnvelope {
  labId: number;
  /** Null: each of its records is a ready task, whose rule has one. */
  actionCategory: string | null;
  priority: Priority;
  /** Epoch milliseconds. */
  deliverBy: number | null;
}

/** A batch as it is begun, before anything is known of it but who sends it. */
export interface NewBatch {
  batchId: string;
  route: BulkRoute;
  accessKeyId: number | null;
  /** The `log_id` of the call that brings it. */
  triggeredBy: string | null;
  idempotency: { scope: string; key: string } | null;
  receivedAt: number;
}

/** Whether a call may bring its records. */
export type BatchBegun =
  | { outcome: 'BEGUN'; batchSeq: number }
  /** Its `Idempotency-Key` names a batch already. */
  | { outcome: 'KNOWN'; batchSeq: number }
  /** Its `Idempotency-Key` was used for a single event. */
  | { outcome: 'KEY_OF_EVENT' };

/** An event that a lab has. */
export interface KnownEvent {
  eventId: string;
  /** SHA-256 (hex) of its canonical JSON; empty where it got its id from LabRelay. */
  bodyHash: string;
}

/** Consecutive records as they are kept until they are built. */
export interface RecordParcel {
  /** Of the first one; counts from 0. */
  position: number;
  records: number;
  /** One JSON text a line. */
  lines: string;
}

/** What a batch is known by once all of it has arrived. */
export interface SealBatch {
  batchId: string;
  envelope: BatchEnvelope;
  records: number;
  /** SHA-256 (hex) of the canonical JSON of records and envelope. */
  bodyHash: string;
  expiresAt: number;
  /** The call that brought it, as if it were answered now; null where none is kept. */
  call: TakenCall | null;
}

/** A batch that has to be built, released or cancelled. */
export interface OpenBatch {
  batchSeq: number;
  batchId: string;
  state: StoredBatchState;
  route: BulkRoute;
  /** Null while it arrives, and so is the hash. */
  envelope: BatchEnvelope | null;
  bodyHash: string | null;
  accessKeyId: number | null;
  triggeredBy: string | null;
  receivedAt: number;
  built: number;
  records: number;
}

/** A record that cannot become an event, in its caller's words. */
export interface Rejection {
  /** Of the record; counts from 0. */
  index: number;
  /** Dotted path within the record; empty: all of it. */
  field: string;
  reason: string;
}

/** One record as an event with all that is committed for it. */
export interface BatchEvent {
  position: number;
  event: {
    eventId: string;
    actionCategoryListId: number;
    /** Its own document, as JSON. */
    document: string;
    /** Empty where the caller gave the event no id of its own. */
    bodyHash: string;
  };
  /** Their documents as JSON too, so that nothing is left to be done once its turn has come. */
  objects: (Omit<ObjectWrite, 'document'> & { document: string })[];
  deliveries: NewDelivery[];
}

/** A chunk of a batch: what became of its records up to `upTo`. */
export interface BuildChunk {
  batchSeq: number;
  labId: number;
  accessKeyId: number | null;
  receivedAt: number;
  /** The first of its records; those before it must be built. */
  from: number;
  /** Records from here on are not part of it. */
  upTo: number;
  /** The batch's last record is in it: with its commit the batch's answer stands. */
  isLast: boolean;
  /** In the order of their positions. */
  events: BatchEvent[];
  rejections: Rejection[];
}

export type BuildResult =
  | { outcome: 'BUILT' }
  /**
   * An object or an event_id is not as it was read any more, or the chunk before it met that; nothing
   * of the chunk is kept.
   */
  | { outcome: 'CONFLICT' };

/** The counts of a batch's answer, and what it names. */
export interface BatchAnswer {
  batchId: string;
  /** Whether it is whole: all records have become what they become. */
  isBuilt: boolean;
  accepted: number;
  /** In the order of the records. */
  logIds: string[];
  rejections: Rejection[];
}

/** How far a batch's deliveries are. */
export interface BatchProgress {
  /** Still to be sent. */
  queued: number;
  sent: number;
  failed: number;
  suppressed: number;
  cancelled: number;
}

/** A batch as people read it. */
export interface BatchRecord {
  batchSeq: number;
  batchId: string;
  state: BatchState;
  route: BulkRoute;
  labId: number | null;
  actionCategory: string | null;
  triggeredBy: string | null;
  records: number;
  accepted: number;
  rejected: number;
  progress: BatchProgress;
  receivedAt: number;
  openedAt: number | null;
  cancelledAt: number | null;
  cancelledBy: string | null;
  cancelReason: string | null;
}

/** What one chunk of a release did. */
export interface BatchReleased {
  isDone: boolean;
  /** The last task that was looked at. */
  afterTaskId: number;
  /** The integrations of which urgent tasks are ready now, one entry for each task. */
  urgent: number[];
}

/** What one chunk of a cancelling did. */
export interface BatchCancelled {
  isDone: boolean;
  /** The last task that was looked at. */
  afterTaskId: number;
  cancelled: number;
}

/** Which batches a list shows, the newest first. */
export interface BatchSearch {
  state: BatchState | null;
  labId: number | null;
  /** Those from before this `batch_seq`. */
  beforeSeq: number | null;
  limit: number;
}
