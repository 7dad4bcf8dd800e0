import type {
  BulkActed,
  BulkCanary,
  BulkCounts,
  BulkFate,
  BulkItem,
  BulkItemState,
  BulkPlan,
  BulkRetry,
  BulkRetryAction,
  BulkRetryRecord,
  BulkRunStep,
  BulkSelection,
  BulkStop,
  EndedBulkItem,
  NewBulkRetry,
  NextBulkItem,
  PlannedItem,
  QueuedBulkItem,
} from '../../../shared/model/bulk-retry.ts';
import type { RetryableLog } from '../../../shared/model/retry.ts';
import type { LogPage, LogSearch } from '../../../shared/model/search.ts';

/** What the planning of bulk retries needs of the store, as whole commands. */
export interface BulkPlanPort {
  bulkSelection(bulkRetrySeq: number): Promise<{
    selection: BulkSelection;
    /** Where the finding of its logs stands. */
    cursor: string | null;
  } | null>;
  searchLogs(search: LogSearch): Promise<LogPage>;
  /** Logs as whoever retries them must know them, in the order of the ids. */
  retryableLogs(logIds: string[]): Promise<RetryableLog[]>;
  /**
   * Keeps the next logs that were found, the newest first; a page is kept once.
   * @returns false where there is nothing to plan any more: it was cancelled, or has become too large
   */
  planBulkItems(request: {
    bulkRetrySeq: number;
    from: string | null;
    to: string;
    items: PlannedItem[];
    now: number;
  }): Promise<boolean>;
  countBulkPlan(bulkRetrySeq: number): Promise<BulkPlan>;
  /** Ends the planning; one that is to start by itself is started, unless some of it lacks a reason. */
  endBulkPlan(request: { bulkRetrySeq: number; plan: BulkPlan; now: number }): Promise<void>;
}

/** What their running needs of it. */
export interface BulkRunPort extends BulkPlanPort {
  /** Those that may have something left to be done, the oldest first. */
  unfinishedBulkRetries(): Promise<number[]>;
  bulkRetry(bulkRetrySeq: number): Promise<BulkRetry | null>;
  /** What of it is in the queue, with what there is to tell of it. */
  queuedBulkItems(request: {
    bulkRetrySeq: number;
    bulkRetryId: string;
  }): Promise<QueuedBulkItem[]>;
  bulkCanaries(bulkRetrySeq: number): Promise<BulkCanary[]>;
  /** What is to be queued next, of each integration so many at most, the oldest first. */
  nextBulkItems(request: {
    bulkRetrySeq: number;
    wants: { labIntegrationId: number; limit: number }[];
  }): Promise<NextBulkItem[]>;
  /** Queues rows, or notes why they are not; none of a bulk retry that stands still by now. */
  queueBulkItems(request: {
    bulkRetrySeq: number;
    fates: BulkFate[];
    now: number;
  }): Promise<BulkRunStep>;
  /** Notes what became of queued rows; may stop the bulk retry. */
  settleBulkItems(request: {
    bulkRetrySeq: number;
    ended: EndedBulkItem[];
    now: number;
  }): Promise<BulkRunStep>;
  /** Stops one whose canary gives no verdict. @returns null where it stands still already */
  stopBulkCanary(request: {
    bulkRetrySeq: number;
    failureClass: string;
    now: number;
  }): Promise<BulkStop | null>;
  endBulkCanary(request: { bulkRetrySeq: number }): Promise<void>;
  /** Takes out a chunk of what a cancelled one has not sent. @returns how many; 0: all is out */
  cancelBulkItems(request: { bulkRetrySeq: number; limit: number; now: number }): Promise<number>;
  bulkCounts(bulkRetrySeq: number): Promise<BulkCounts>;
  /** Ends one of which nothing is left. @returns whether it has ended */
  endBulkRetry(request: {
    bulkRetrySeq: number;
    counts: BulkCounts;
    now: number;
  }): Promise<boolean>;
}

/** All that bulk retries need of the store. */
export interface BulkRetryPort extends BulkRunPort {
  /** Those of the ids that are logs, the newest first; each once. */
  sortedLogIds(logIds: string[]): Promise<string[]>;
  beginBulkRetry(bulk: NewBulkRetry): Promise<number>;
  actOnBulkRetry(request: {
    bulkRetryId: string;
    action: BulkRetryAction;
    actor: string;
    reason: string | null;
    expectedTotal: number | null;
    now: number;
  }): Promise<BulkActed>;
  getBulkRetry(bulkRetryId: string): Promise<BulkRetryRecord | null>;
  /** The newest first. */
  listBulkRetries(request: { beforeSeq: number | null; limit: number }): Promise<BulkRetryRecord[]>;
  bulkRetryItems(request: {
    bulkRetrySeq: number;
    state: BulkItemState | null;
    after: number;
    limit: number;
  }): Promise<BulkItem[]>;
}
