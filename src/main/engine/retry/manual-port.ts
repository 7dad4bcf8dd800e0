import type {
  CancelledRetry,
  QueuedRetry,
  QueueRetry,
  RetryableLog,
} from '../../../shared/model/retry.ts';

/** What retries by hand need of the store, as whole commands. */
export interface ManualRetryPort {
  retryableLog(logId: string): Promise<RetryableLog | null>;
  /** The bytes of one revision; null where the log has none of that number. */
  revisionBody(request: {
    logId: string;
    revision: number;
  }): Promise<{ body: string; contentType: string; sha256: string } | null>;
  /** Queues a retry with its body, its note and its line in the activity: all of it or nothing. */
  queueRetry(request: QueueRetry): Promise<QueuedRetry>;
  /** Stops what would still be sent of a log. */
  cancelRetry(request: {
    logId: string;
    actor: string;
    reason: string;
    now: number;
  }): Promise<CancelledRetry>;
}
