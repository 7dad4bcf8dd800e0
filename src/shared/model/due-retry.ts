import type { BuiltRevision } from './delivery.ts';
import type { Reference } from './domain.ts';
import type { RetryNote } from './retry.ts';

/** Which wait of which task: one that has ended, or was put off, is another. */
interface ScheduledWait {
  taskId: number;
  /** The number that the attempt to come will have. */
  attempt: number;
}

/** A retry whose time has come, with what its body is made of. Times are epoch milliseconds. */
export interface DueRetry extends ScheduledWait {
  logId: string;
  labId: number;
  labIntegrationId: number;
  actionCategory: string;
  eventId: string | null;
  references: Reference[];
  isStat: boolean;
  deliverBy: number | null;
  dueAt: number;
  /** Of its present body; empty where it has none. */
  sha256: string;
  /** Its body came ready; there is nothing that it could be built from. */
  isBodyGiven: boolean;
  /** `STORED`: the receiver may hold those bytes, or a person chose them; nothing is built anew. */
  body: 'FRESH' | 'STORED';
  /** A newer log of its ordering key that was accepted; it must not arrive behind that. */
  overtakenBy: string | null;
}

/** What becomes of a retry whose time has come. */
export type RetryFate = ScheduledWait &
  (
    | { kind: 'GO'; note: RetryNote }
    | { kind: 'REPLACE'; revision: BuiltRevision; note: RetryNote }
    /** Its body cannot be built any more. `message` holds no value of the input. */
    | { kind: 'FAIL'; message: string }
    /** A newer one of its ordering key was accepted. */
    | { kind: 'STOP'; overtakenBy: string }
  );

/** A retry that is put off; it uses up no step. */
export type RetryDelay = ScheduledWait & { dueAt: number };

/** What became of retries whose time had come; those that were not scheduled any more are in no count. */
export interface RetriesStarted {
  started: number;
  failed: number;
  stopped: number;
  /** The integrations of which STAT ones have become ready, one entry for each. */
  urgent: number[];
}

/** When the scheduler has to look again. */
export interface NextRetry {
  /** When the next retry is due (epoch ms); null: none is scheduled. */
  at: number | null;
  /** The clock was set back: some began to wait in what is the future now. */
  isClockBack: boolean;
}
