import type { JsonObject } from './json.ts';
import { type QueueRetry, RETRY_OBSTACLES } from './retry.ts';
import { RETRY_DOUBTS } from './retry-verdict.ts';
import type { LogSearch } from './search.ts';
import type { Certainty, ErrorKind, LogStatus } from './vocabulary.ts';

/**
 * Where a bulk retry stands. `PLANNING`: its logs are being found. `PLANNED`: they are counted, it waits
 * for a yes. `CANARY`: one log of each integration is sent, the others wait for its verdict. `STOPPED`:
 * by itself, after failures; it goes on when it is told to.
 */
export const BULK_RETRY_STATES = [
  'PLANNING',
  'PLANNED',
  'CANARY',
  'RUNNING',
  'PAUSED',
  'STOPPED',
  'DONE',
  'CANCELLED',
] as const;
export type BulkRetryState = (typeof BULK_RETRY_STATES)[number];

/** What a person may do to one. */
export const BULK_RETRY_ACTIONS = ['start', 'pause', 'resume', 'cancel'] as const;
export type BulkRetryAction = (typeof BULK_RETRY_ACTIONS)[number];

/**
 * Where one of its logs stands. `PLANNED`: to be sent. `REFUSED`: may not be, by its verdict. `QUEUED`:
 * handed to the queue. `DONE`: that attempt has ended. `SKIPPED`: it could not be queued, or was taken
 * out again before it was sent.
 */
export const BULK_ITEM_STATES = ['PLANNED', 'REFUSED', 'QUEUED', 'DONE', 'SKIPPED'] as const;
export type BulkItemState = (typeof BULK_ITEM_STATES)[number];

/**
 * Why a log is refused or skipped, beside what stands against any retry by hand. `CANCELLED`: the bulk
 * retry was cancelled first. `TAKEN_OUT`: somebody took it out of the queue, or retried it anew.
 */
export const BULK_VERDICTS = [
  ...RETRY_DOUBTS,
  ...RETRY_OBSTACLES,
  'CANCELLED',
  'TAKEN_OUT',
] as const;
export type BulkVerdict = (typeof BULK_VERDICTS)[number];

/**
 * Why one stands still. `CANARY_FAILED`: the log that was sent first has failed. `FAILURES`: so many
 * have failed in the same way. `BY_HAND`: a person paused it. `TOO_MANY`: its filter finds more logs
 * than one bulk retry may have. `RESTORED`: it was under way in a backup that was restored.
 */
export const BULK_STOPS = ['CANARY_FAILED', 'FAILURES', 'BY_HAND', 'TOO_MANY', 'RESTORED'] as const;
export type BulkStopWhy = (typeof BULK_STOPS)[number];

/** Logs that one call may name. */
export const MAX_NAMED_LOGS = 10_000;
/** Logs that one bulk retry may have. */
export const MAX_BULK_LOGS = 100_000;

/** How a bulk retry is to be sent. */
export interface BulkOptions {
  /** `fresh`: built anew; `stored`: the bytes that were to go anyway. */
  body: 'fresh' | 'stored';
  hasCanary: boolean;
  ratePerMinute: number;
  /** Failures of one class after which it stops by itself. */
  stopAfter: number;
  acceptsDuplicates: boolean;
  /** It starts as soon as it is planned, unless some of it is refused for want of a reason. */
  startsByItself: boolean;
}

/** Which logs. */
export type BulkSelection =
  /** The newest first. */
  | { kind: 'LOGS'; logIds: string[] }
  | {
      kind: 'FILTER';
      search: LogSearch;
      /** The filter as it was given, without what may name a patient. */
      shown: JsonObject;
      /** The newest log when it was asked for, as the store notes it: what comes later was not meant. */
      lastLogSeq?: number;
    };

/** Why it stands still, or last did. */
export interface BulkStop {
  why: BulkStopWhy;
  failureClass: string | null;
  /** Failures of that class. */
  count: number | null;
  /** Epoch milliseconds. */
  at: number;
  /** Null: it stopped by itself. */
  by: string | null;
  reason: string | null;
}

/** What a person did to it. */
export interface BulkAct {
  at: number;
  actor: string;
  action: BulkRetryAction;
  reason: string | null;
}

interface PlanCount {
  total: number;
  refused: number;
}

/** What was found, as it was counted once. */
export interface BulkPlan extends PlanCount {
  byCertainty: (PlanCount & { certainty: Certainty | null })[];
  byIntegration: (PlanCount & { labIntegrationId: number | null })[];
  refusedBy: { verdict: BulkVerdict; count: number }[];
}

export interface NewBulkRetry {
  bulkRetryId: string;
  selection: BulkSelection;
  options: BulkOptions;
  reason: string | null;
  actor: string;
  now: number;
}

/** One log as the plan found it. */
export interface PlannedItem {
  logSeq: number;
  labIntegrationId: number | null;
  certainty: Certainty | null;
  /** Null: it is to be sent. */
  verdict: BulkVerdict | null;
}

/** How many of its logs stand how. */
export interface BulkCounts {
  waiting: number;
  queued: number;
  succeeded: number;
  failed: number;
  refused: number;
  skipped: number;
  /** The most frequent first. */
  byFailureClass: { failureClass: string; count: number }[];
}

/** A bulk retry as it is kept. */
export interface BulkRetry {
  bulkRetrySeq: number;
  bulkRetryId: string;
  state: BulkRetryState;
  options: BulkOptions;
  reason: string | null;
  actor: string;
  total: number;
  plan: BulkPlan | null;
  stop: BulkStop | null;
  acts: BulkAct[];
  createdAt: number;
  startedAt: number | null;
  startedBy: string | null;
  endedAt: number | null;
}

/** As people read it. */
export interface BulkRetryRecord extends BulkRetry {
  /** Named logs; null where a filter finds them. */
  namedLogs: number | null;
  shownFilter: JsonObject | null;
  counts: BulkCounts;
}

/** How an attempt ended. */
export interface BulkOutcome {
  status: LogStatus;
  certainty: Certainty | null;
  errorKind: ErrorKind | null;
  responseStatusCode: number | null;
}

/** One of its logs as people read it. */
export interface BulkItem {
  position: number;
  logId: string;
  labIntegrationId: number | null;
  certainty: Certainty | null;
  state: BulkItemState;
  verdict: BulkVerdict | null;
  isCanary: boolean;
  attempt: number | null;
  outcome: BulkOutcome | null;
  failureClass: string | null;
  queuedAt: number | null;
  endedAt: number | null;
}

/** One that is to be queued next. */
export interface NextBulkItem {
  position: number;
  logId: string;
  labIntegrationId: number;
}

/** What becomes of one whose turn has come. */
export interface BulkFate {
  position: number;
  isCanary: boolean;
  fate:
    | { kind: 'QUEUE'; retry: QueueRetry }
    | { kind: 'REFUSED' | 'SKIPPED'; verdict: BulkVerdict };
}

/** An attempt as far as it tells what became of a log. */
export interface MadeAttempt extends Omit<BulkOutcome, 'status'> {
  /** Null while it is under way. */
  status: LogStatus | null;
  endedAt: number | null;
  /** The bulk retry of which it is a part; null: of none. */
  bulkRetryId: string | null;
}

/** One that was queued, with what there is of its log by now. */
export interface QueuedBulkItem {
  position: number;
  labIntegrationId: number;
  isCanary: boolean;
  queuedAt: number;
  /** The attempt that it was queued as; null where there is none (yet). */
  made: MadeAttempt | null;
  /** The newest attempt that has ended since, where its own is not to be found. */
  later: MadeAttempt | null;
  task: {
    /** Of its next attempt: it is the bulk retry's own. */
    isOwn: boolean;
    isHeld: boolean;
    /** It is ready, and its integration's breaker is open. */
    waitsForEndpoint: boolean;
  } | null;
}

/** What became of one that was queued. */
export interface EndedBulkItem {
  position: number;
  isCanary: boolean;
  /** Null: it was taken out of the queue. */
  outcome: BulkOutcome | null;
  endedAt: number;
}

/** One that went first. */
export interface BulkCanary {
  position: number;
  logId: string;
  labIntegrationId: number;
  state: BulkItemState;
  failureClass: string | null;
}

/** What an act of a person came to. */
export type BulkActed =
  | { outcome: 'DONE'; bulkRetrySeq: number; state: BulkRetryState }
  | { outcome: 'NOT_FOUND' }
  | { outcome: 'OTHER_TOTAL'; total: number }
  | { outcome: 'REFUSED'; state: BulkRetryState; step: 'ALREADY_DONE' | 'NOT_NOW' };

/** What a step of a run came to. */
export interface BulkRunStep {
  /** Where the bulk retry stands by now; null: there is none. */
  state: BulkRetryState | null;
  /** It has just stopped by itself. */
  stopped: BulkStop | null;
  /** Integrations of which urgent ones were queued, one entry for each. */
  urgent: number[];
  queued: number;
}
