import type { Certainty, ErrorKind, LogStatus } from './vocabulary.ts';

/** The longest wait that a partner's `Retry-After` is honoured for (ms). */
export const RETRY_AFTER_AT_MOST_MS = 60 * 60 * 1_000;

const HAS_ZONE = /(?:[A-Z]{1,4}|[+-]\d{2}:?\d{2})$/;

/** Methods that say themselves that a repeat changes nothing (RFC 9110, 9.2.2). */
const IDEMPOTENT_METHODS = new Set(['GET', 'PUT', 'DELETE']);

/** A rule's word on retries. */
export interface RetryRules {
  isRetryEnabled: boolean;
  /** Waits between attempts (ms); as many as there are, so many retries are made by themselves. */
  schedule: readonly number[];
  /** Share of the wait that is random, 0 to 1. */
  jitter: number;
  retry5xx: boolean;
  receiverDeduplicates: boolean;
}

/** An attempt that has failed, as its log tells it. */
export interface FailedOutcome {
  status: LogStatus;
  certainty: Certainty | null;
  errorKind: ErrorKind | null;
  responseStatusCode: number | null;
  requestMethod: string | null;
  /** When it ended (epoch ms). */
  endedAt: number;
  /** How long the partner asked to be left alone (ms from its end); null where it did not. */
  retryAfter: number | null;
}

/** How far a log's schedule has come. */
export interface RetryProgress {
  /** Steps that are used up since its first attempt, or since it was last retried by hand. */
  stepsUsed: number;
  /** Must have arrived by (epoch ms); after that nothing is tried by itself. */
  deliverBy: number | null;
  /** A person has stopped its retries. */
  isCancelled: boolean;
}

/**
 * Why a failure is not tried again by itself. `DONE`: it has not failed. `SUPPRESSED`: the partner
 * wants it unseen. `MESSAGE`: nothing was sent since this message cannot be built or carried, which
 * trying again does not change. `REFUSED`: the partner will not have this message. `DOUBT`: the
 * partner may have it, and a repeat could be a second order. `DIED`: the task died; it is in the
 * failed-task queue.
 */
export type NoRetry =
  | 'DONE'
  | 'SWITCHED_OFF'
  | 'CANCELLED'
  | 'SUPPRESSED'
  | 'MESSAGE'
  | 'REFUSED'
  | 'DOUBT'
  | 'DIED';

/** What becomes of a failed attempt by itself. */
export type AutomaticRetry =
  | { kind: 'NONE'; why: NoRetry }
  /** All steps of the schedule are used up, or its time is over. */
  | { kind: 'EXHAUSTED'; why: 'CAP' | 'DEADLINE' }
  | {
      kind: 'SCHEDULED';
      /** When it is due (epoch ms). */
      at: number;
      /** The partner asked not to be called before; null where it did not. */
      notBefore: number | null;
      /** Steps that are used up with this one. */
      step: number;
    };

/**
 * Whether such a failure may be tried again by itself at all; null: it may. Certainty decides. An
 * outcome in doubt is repeated (as the stored bytes under their old key) only where the rule's author
 * says that the partner's 5xx did not take it or that it drops repeats, or where the method says so.
 */
export function whyNoRetry(outcome: FailedOutcome, rules: RetryRules): NoRetry | null {
  const { status, certainty, errorKind } = outcome;
  if (status === 'SUPPRESSED') return 'SUPPRESSED';
  if (status !== 'FAIL' || certainty === null) return 'DONE';
  if (!rules.isRetryEnabled) return 'SWITCHED_OFF';
  switch (certainty) {
    case 'ACCEPTED':
    case 'COMMITTED':
      return 'DONE';
    case 'REFUSED':
      return 'REFUSED';
    case 'REFUSED_RETRYABLE':
      return null;
    case 'NOT_SENT':
      return errorKind === 'PAYLOAD' ? 'MESSAGE' : null;
    case 'UNKNOWN':
      if (errorKind === 'HANDLER') return 'DIED';
      return mayRepeatInDoubt(outcome, rules) ? null : 'DOUBT';
  }
}

function mayRepeatInDoubt(outcome: FailedOutcome, rules: RetryRules): boolean {
  const { errorKind, responseStatusCode: code, requestMethod } = outcome;
  if (rules.receiverDeduplicates) return true;
  if (requestMethod !== null && IDEMPOTENT_METHODS.has(requestMethod)) return true;
  const isServersFault = code !== null && code >= 500;
  return rules.retry5xx && isServersFault && (errorKind === null || errorKind === 'HTTP_STATUS');
}

/**
 * The schedule's next step after a failed attempt. It is spread by the rule's jitter, never before
 * the partner's `Retry-After` (up to an hour) and never after the log's deadline, where the last try
 * is made.
 *
 * @param random from 0 up to but not including 1
 */
export function automaticRetry(
  outcome: FailedOutcome,
  rules: RetryRules,
  progress: RetryProgress,
  random: number,
): AutomaticRetry {
  const why = whyNoRetry(outcome, rules);
  if (why !== null) return { kind: 'NONE', why };
  if (progress.isCancelled) return { kind: 'NONE', why: 'CANCELLED' };
  const { endedAt, retryAfter } = outcome;
  const { deliverBy, stepsUsed } = progress;
  if (deliverBy !== null && deliverBy <= endedAt) return { kind: 'EXHAUSTED', why: 'DEADLINE' };
  const wait = rules.schedule[stepsUsed];
  if (wait === undefined) return { kind: 'EXHAUSTED', why: 'CAP' };
  const asked = retryAfter === null ? null : Math.min(retryAfter, RETRY_AFTER_AT_MOST_MS);
  const own = Math.round(wait * (1 + rules.jitter * (2 * random - 1)));
  // Those that were told the same are spread behind it too; none comes before it.
  const partners = asked === null ? 0 : asked + Math.round(wait * rules.jitter * random);
  const at = endedAt + Math.max(own, partners);
  const latest = deliverBy ?? Number.POSITIVE_INFINITY;
  return {
    kind: 'SCHEDULED',
    at: Math.min(at, latest),
    notBefore: asked === null ? null : Math.min(endedAt + asked, latest),
    step: stepsUsed + 1,
  };
}

/** What is known of a log's bodies when it is tried again by itself. */
export interface BodyHistory {
  certainty: Certainty | null;
  /** Some attempt ended in doubt, or was handed on, and nobody has told since what became of it. */
  mayBeHeld: boolean;
  /** A person chose the body, or it came ready: no trigger could build that one. */
  isFixed: boolean;
}

/**
 * Which bytes an automatic retry sends: `FRESH` ones, built from the objects as they are by now, unless
 * the partner may hold the stored ones, of which it is then only ever given the same again.
 */
export function bodyOfAutomaticRetry(history: BodyHistory): 'FRESH' | 'STORED' {
  const isInDoubt = history.mayBeHeld || history.certainty === 'UNKNOWN';
  return isInDoubt || history.isFixed ? 'STORED' : 'FRESH';
}

/**
 * How long a partner asks to be left alone (RFC 9110, 10.2.3: seconds or an HTTP date).
 *
 * @param value of the header; anything that is neither is passed over
 * @param now epoch milliseconds
 * @returns milliseconds from now, 0 for a time that has passed; null where nothing usable was said
 */
export function retryAfterOf(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  // A date has letters; Date.parse would take many a thing for one that is none.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null;
  // The old form without a zone means GMT (RFC 9110, 5.6.7), not whatever zone LabRelay runs in.
  const at = Date.parse(HAS_ZONE.test(text) ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
