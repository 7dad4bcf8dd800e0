import type {
  DueRetry,
  NextRetry,
  RetriesStarted,
  RetryDelay,
  RetryFate,
} from '../../../shared/model/due-retry.ts';

/** What the scheduler of retries needs of the store, as whole commands. */
export interface SchedulePort {
  /** Retries whose time has come: STAT first, then those that were due first. */
  dueRetries(request: { now: number; limit: number }): Promise<DueRetry[]>;
  nextRetry(request: { now: number }): Promise<NextRetry>;
  /** The bytes that a log's newest attempt sent; null where it has none. */
  lastSentBody(request: { logId: string }): Promise<string | null>;
  /** Does to due retries what was found out; what is not scheduled any more is passed over. */
  startRetries(request: { fates: RetryFate[]; now: number }): Promise<RetriesStarted>;
  /** Puts retries off without using up a step; what is not scheduled any more is passed over. */
  deferRetries(request: { delays: RetryDelay[]; now: number }): Promise<void>;
  /**
   * Gives retries that began to wait in what is the future now their wait again from now.
   * @returns how many; less than the limit: all
   */
  restartWaits(request: { now: number; limit: number }): Promise<number>;
}
