import type { BreakerChange } from './breaker.ts';
import type { AttemptReport, ClaimedTask, Stamp } from './delivery.ts';
import { attemptId, parseAttemptId } from './delivery.ts';
import type { KeyWentOn } from './ordering.ts';
import type { ScheduleStep } from './retry.ts';

/** An outside worker's hold on one task: the log's attempt, and the token of the call that leased it. */
export interface Lease {
  logId: string;
  attempt: number;
  /** 32 hex digits that nobody guesses. */
  token: string;
}

/** How long a lease may be, from when it is given or extended (ms). */
export const LONGEST_LEASE_MS = 600_000;

/** Longest that a lease runs: a start leaves the call its time-out, and this to report in (ms). */
export const REPORT_WITHIN_MS = 10_000;

/** Bytes of bodies that one call is given at most, but for one task's. */
export const LEASED_BYTES = 16 * 1024 * 1024;

/** A lease's id. It names its attempt, so that a late report finds it though the task is gone. */
export function leaseId({ logId, attempt, token }: Lease): string {
  return `${attemptId(logId, attempt)}_${token}`;
}

/** Splits a `lease_id`; null if it is not one. */
export function parseLeaseId(id: string): Lease | null {
  const match = /^(.+)_([0-9a-f]{32})$/.exec(id);
  const attempt = match?.[1] === undefined ? null : parseAttemptId(match[1]);
  return attempt && match?.[2] ? { ...attempt, token: match[2] } : null;
}

/** How an outside worker's claim is signed: by its lease's token and the worker's name. */
export function leaseOwner(token: string, worker: string): string {
  return `lease:${token} ${worker}`;
}

/** The worker's name of such a signature. */
export function workerOf(owner: string): string {
  return owner.slice(owner.indexOf(' ') + 1);
}

/** What an outside worker asks for. Times are epoch milliseconds. */
export interface LeaseWish {
  token: string;
  worker: string;
  /** Null: of any integration that is left to outside workers. */
  labIntegrationId: number | null;
  limit: number;
  leaseUntil: number;
  now: number;
}

/** A task that a lease still holds. */
export interface HeldLease {
  task: ClaimedTask;
  leaseUntil: number;
  /** When its attempt was started; null: not yet. */
  stampedAt: number | null;
}

/** Starts a leased attempt: from this commit on bytes may leave. */
export interface StartLease {
  lease: Lease;
  stamp: Stamp;
  /** The lease runs at least so long from then on. */
  leaseUntil: number;
  now: number;
}

/** What becomes of a leased task. */
export interface SettleLease {
  lease: Lease;
  report: AttemptReport;
  /** For an attempt that was not started and ends all the same, since nothing was sent; null: none. */
  stamp: Stamp | null;
  /** Nothing was sent through no fault of the task (paused, switched off): it waits in its place. */
  goesBack: boolean;
  now: number;
}

/** The end of a leased task: what its outcome did to the integration and to the key. */
export interface LeaseEnd {
  labIntegrationId: number;
  /** Where the attempt went, as it was started. */
  endPoint: string;
  breaker: BreakerChange | null;
  wentOn: KeyWentOn | null;
  /** What it made of the log's schedule. */
  retry: ScheduleStep | null;
}

/** What a report by lease did. */
export type LeaseSettled =
  | { outcome: 'SETTLED'; end: LeaseEnd }
  /** The lease had started the attempt and run out: the report tells what nobody knew. */
  | {
      outcome: 'LATE';
      changed: boolean;
      wentOn: KeyWentOn | null;
      retry: ScheduleStep | null;
    }
  /** Only that nothing was sent may be told of an attempt that was not started. */
  | { outcome: 'NOT_STARTED' }
  /** It holds no task, and has started no attempt of the log. */
  | { outcome: 'LOST' };

/** How the tasks of an active external integration stand. */
export interface LeaseFigures {
  labIntegrationId: number;
  /** Tasks that a worker could be given. */
  ready: number;
  /** When the oldest of those was queued (epoch ms); null: none waits. */
  oldestReadyAt: number | null;
  /** Leased and not started. */
  leased: number;
  /** Started and not reported yet. */
  started: number;
}
