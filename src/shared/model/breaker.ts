import type { AttemptReport } from './delivery.ts';
import { RETRY_AFTER_AT_MOST_MS, retryAfterOf } from './retry-policy.ts';
import type { ErrorKind } from './vocabulary.ts';

/** How long an integration that is open waits between two probes (ms). */
export const PROBE_EVERY_MS = 15_000;

/** So many failures in a row open the breaker. */
export const BREAKER_OPENS_AT = 10;

/** Failures in a row at which is warned: 50, 70 and 90 % of the way. */
export const BREAKER_WARNS_AT: readonly number[] = [5, 7, 9];

/** Why nothing but probes leaves for an integration; `BY_HAND`: a person opened it, and nothing leaves. */
export const OPEN_REASONS = ['ENDPOINT_DOWN', 'RULE_UNFIT', 'BREAKER', 'BY_HAND'] as const;
export type OpenReason = (typeof OPEN_REASONS)[number];

/** How an integration fares, as far as its own attempts tell. Times are epoch milliseconds. */
export interface BreakerState {
  /** Consecutive failures. */
  failures: number;
  /** Null: closed, everything may leave. */
  open: {
    reason: OpenReason;
    since: number;
    /** By hand: when it was opened, no probe goes. */
    probeAt: number;
    /** How long that is from when it was set (ms): further away, the clock was set back. */
    probeWait: number;
  } | null;
}

export const HEALTHY: BreakerState = { failures: 0, open: null };

/** A transition that people are told of, once. */
export type BreakerChange = { labIntegrationId: number; failures: number } & (
  | { kind: 'WARNING' }
  /** `by`: who did it by hand, and why. */
  | { kind: 'CLOSED'; by?: BreakerActor }
  | { kind: 'OPENED'; reason: OpenReason; by?: BreakerActor }
);

/** Who opened or closed a breaker by hand, and why. */
export interface BreakerActor {
  actor: string;
  /** In a person's words. */
  note: string;
}

/** How an integration's breaker stands, as people read it. Times are epoch milliseconds. */
export interface BreakerRecord {
  labIntegrationId: number;
  /** The integration's. */
  name: string;
  failures: number;
  /** Null: closed. */
  openReason: OpenReason | null;
  openedAt: number | null;
  /** Where it was opened by hand. */
  openedBy: string | null;
  openNote: string | null;
  /** When the next probe may go; null: none does. */
  probeAt: number | null;
  /** Deliveries that wait, ready or scheduled; exact up to {@link WAITING_COUNTED}. */
  waiting: number;
}

/** So many that wait are counted. */
export const WAITING_COUNTED = 10_000;

/** Opens or closes a breaker by hand. */
export interface SetBreaker extends BreakerActor {
  labIntegrationId: number;
  state: 'open' | 'closed';
  now: number;
}

/** What became of that; `UNCHANGED`: it was so already. */
export type BreakerSet =
  | { outcome: 'UNKNOWN_INTEGRATION' }
  | { outcome: 'UNCHANGED'; breaker: BreakerRecord }
  | { outcome: 'CHANGED'; breaker: BreakerRecord; change: BreakerChange };

/**
 * What an attempt's end says of the other side.
 * `DOWN`: it was not reached. `UNFIT`: the rule itself kept the attempt from being made. `FAILING`:
 * it was reached and is in trouble. `UP`: it works, whatever it thinks of this message. `SILENT`:
 * nothing, e.g. our own crash.
 */
export type Sense = 'DOWN' | 'UNFIT' | 'FAILING' | 'UP' | 'SILENT';

/** What the outcome of an attempt of ours says of the integration's endpoint. */
export function senseOf(
  report: Pick<AttemptReport, 'status' | 'certainty' | 'errorKind' | 'responseStatusCode'>,
): Sense {
  const { status, certainty, errorKind, responseStatusCode: code } = report;
  if (status === null || status === 'PENDING') return 'SILENT';
  const fault = errorKind === null ? null : senseOfError(errorKind);
  if (fault !== null) return fault;
  if (certainty === 'UNKNOWN' || certainty === 'NOT_SENT') return 'FAILING';
  // A rule's author may have said that such a code is no trouble.
  if (certainty === 'ACCEPTED' || certainty === 'COMMITTED') return 'UP';
  return code !== null && (code === 429 || code >= 500) ? 'FAILING' : 'UP';
}

/** Null where the answer itself must be looked at. */
function senseOfError(kind: ErrorKind): Sense | null {
  switch (kind) {
    case 'DNS':
    case 'CONNECT':
    case 'CONNECT_TIMEOUT':
    case 'TLS':
    case 'TIMEOUT_BEFORE_SEND':
    // Without a token no other delivery gets further either, until the token endpoint is back.
    case 'CREDENTIALS':
      return 'DOWN';
    case 'CONFIGURATION':
    case 'TARGET_REFUSED':
      return 'UNFIT';
    case 'PAYLOAD':
    case 'CRASH':
    case 'HANDLER':
    case 'LEASE_EXPIRED':
      return 'SILENT';
    case 'TIMEOUT':
    case 'CONNECTION_LOST':
    case 'BAD_RESPONSE':
      return 'FAILING';
    case 'HTTP_STATUS':
      return null;
  }
}

/** How long the partner asked to be left alone with an outcome of an attempt (ms); 0: it did not. */
export function askedToWait(
  report: Pick<AttemptReport, 'responseHeaders' | 'activityDate'>,
): number {
  return retryAfterOf(report.responseHeaders?.['retry-after'], report.activityDate) ?? 0;
}

/** What to remember and what to tell; `change` null: nothing that people must know. */
export interface BreakerStep {
  state: BreakerState;
  change: 'WARNING' | 'OPENED' | 'CLOSED' | null;
}

/**
 * The breaker's one step. An endpoint that was not reached, or a rule that cannot be used as it is,
 * opens it at once, since every other delivery would meet the same; what waits then waits until that
 * is mended and fails for nothing. Other failures open it when there are ten in a row. Whatever was
 * reached proves that the endpoint is up and the rule fit, which closes what was open for that; what
 * was open for failures closes with the first success or refusal of a message. What a person opened
 * stays so whatever becomes of attempts that were under way.
 *
 * @param waits whether the rule's deliveries may wait (retries are enabled)
 * @param asked how long the partner asked to be left alone (ms); the next probe waits as long, within
 *   an hour
 */
export function nextBreakerState(
  before: BreakerState,
  sense: Sense,
  waits: boolean,
  now: number,
  asked = 0,
): BreakerStep {
  if (before.open?.reason === 'BY_HAND') return { state: before, change: null };
  switch (sense) {
    case 'SILENT':
      return { state: before, change: null };
    case 'UP':
      return { state: HEALTHY, change: before.open ? 'CLOSED' : null };
    case 'DOWN':
    case 'UNFIT':
    case 'FAILING':
      return failed(before, sense, waits, now, asked);
  }
}

function failed(
  before: BreakerState,
  sense: 'DOWN' | 'UNFIT' | 'FAILING',
  waits: boolean,
  now: number,
  asked: number,
): BreakerStep {
  const failures = before.failures + 1;
  const { open } = before;
  const probe = nextProbe(open, now, asked);
  const toWait = waits ? reasonToWait(sense) : null;
  const isUpAgain = open !== null && open.reason !== 'BREAKER' && sense === 'FAILING';
  if (open && !isUpAgain) {
    // Mended so far that it meets the next obstacle: people are told of that one.
    const isNext = open.reason !== 'BREAKER' && toWait !== null && toWait !== open.reason;
    const reason = isNext ? toWait : open.reason;
    return {
      state: { failures, open: { reason, since: open.since, ...probe } },
      change: isNext ? 'OPENED' : null,
    };
  }
  const reason = toWait ?? (failures >= BREAKER_OPENS_AT ? 'BREAKER' : null);
  if (reason) {
    return { state: { failures, open: { reason, since: now, ...probe } }, change: 'OPENED' };
  }
  if (isUpAgain) return { state: { failures, open: null }, change: 'CLOSED' };
  return {
    state: { failures, open: null },
    change: BREAKER_WARNS_AT.includes(failures) ? 'WARNING' : null,
  };
}

/**
 * When the next probe goes. One that the partner has put off stays so, whatever other attempts that
 * were under way meanwhile meet.
 */
function nextProbe(
  open: BreakerState['open'],
  now: number,
  asked: number,
): { probeAt: number; probeWait: number } {
  const probeWait = Math.max(PROBE_EVERY_MS, Math.min(asked, RETRY_AFTER_AT_MOST_MS));
  const probeAt = now + probeWait;
  const isPutOff = open !== null && open.probeAt > probeAt && open.probeAt <= now + open.probeWait;
  return isPutOff ? { probeAt: open.probeAt, probeWait: open.probeWait } : { probeAt, probeWait };
}

/** Null: such an outcome gives nothing to wait for. */
function reasonToWait(sense: 'DOWN' | 'UNFIT' | 'FAILING'): 'ENDPOINT_DOWN' | 'RULE_UNFIT' | null {
  switch (sense) {
    case 'DOWN':
      return 'ENDPOINT_DOWN';
    case 'UNFIT':
      return 'RULE_UNFIT';
    case 'FAILING':
      return null;
  }
}
