import type { Certainty, ErrorKind, LogStatus } from './vocabulary.ts';

/** The bare facts of an attempt's end, from which certainty is decided. */
export interface OutcomeFacts {
  errorKind: ErrorKind | null;
  responseStatusCode: number | null;
}

/** Status codes with which a partner refuses now but asks to be called again (RFC 9110, 6585). */
const RETRYABLE_REFUSALS = new Set([408, 425, 429, 503]);

/** What a rule's author says a partner means by a status code, over the general rule. */
export type CertaintyOverrides = Record<string, Certainty>;

/**
 * Certainty of a partner's HTTP answer.
 *
 * 500, 502, 504 and unassigned 5xx are `UNKNOWN`: the partner, or a proxy before it, may have taken
 * the message and failed afterwards. Redirects are not followed, so 3xx was refused; 1xx never
 * ends a call and is treated as unknown.
 */
export function certaintyOfStatus(code: number, overrides: CertaintyOverrides = {}): Certainty {
  const override = overrides[String(code)];
  if (override) return override;
  if (code >= 200 && code < 300) return 'ACCEPTED';
  if (RETRYABLE_REFUSALS.has(code)) return 'REFUSED_RETRYABLE';
  if (code >= 300 && code < 500) return 'REFUSED';
  return 'UNKNOWN';
}

/** Certainty of an attempt that ended in an error of our own closed set. */
export function certaintyOfError(kind: ErrorKind): Certainty {
  switch (kind) {
    case 'DNS':
    case 'CONNECT':
    case 'CONNECT_TIMEOUT':
    case 'TLS':
    case 'TIMEOUT_BEFORE_SEND':
    case 'PAYLOAD':
    case 'CONFIGURATION':
    case 'CREDENTIALS':
    case 'TARGET_REFUSED':
      return 'NOT_SENT';
    case 'TIMEOUT':
    case 'CONNECTION_LOST':
    case 'BAD_RESPONSE':
    case 'CRASH':
    case 'HANDLER':
    case 'LEASE_EXPIRED':
    case 'HTTP_STATUS':
      return 'UNKNOWN';
  }
}

/**
 * Certainty of any outcome. An answer that came whole speaks by its code; an error that struck
 * after the status line (a body cut off) speaks louder than the code, since it may be half a story.
 */
export function certaintyOf(facts: OutcomeFacts, overrides: CertaintyOverrides = {}): Certainty {
  const { errorKind, responseStatusCode } = facts;
  if (responseStatusCode !== null && (errorKind === null || errorKind === 'HTTP_STATUS')) {
    return certaintyOfStatus(responseStatusCode, overrides);
  }
  return errorKind === null ? 'UNKNOWN' : certaintyOfError(errorKind);
}

/** Whether the other side has the message, or the next system has taken it over. */
export function isTaken(certainty: Certainty | null): boolean {
  return certainty === 'ACCEPTED' || certainty === 'COMMITTED';
}

/** The status that a log shows for a certainty, where nothing suppresses it. */
export function statusOfCertainty(certainty: Certainty): LogStatus {
  switch (certainty) {
    case 'ACCEPTED':
      return 'SUCCESS';
    case 'COMMITTED':
      return 'QUEUED';
    case 'NOT_SENT':
    case 'REFUSED_RETRYABLE':
    case 'REFUSED':
    case 'UNKNOWN':
      return 'FAIL';
  }
}
