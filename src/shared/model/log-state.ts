import type { LogSummary } from './delivery.ts';

/** How a log stands, without anything of what it is about. */
export type LogState = Pick<
  LogSummary,
  | 'logId'
  | 'direction'
  | 'status'
  | 'certainty'
  | 'retryState'
  | 'retryCount'
  | 'nextRetryAt'
  | 'heldReason'
  | 'updatedAt'
> & {
  /** The number of its newest attempt; 0: none was made. */
  attempt: number;
};
