import type { BulkStop, BulkVerdict } from '../../../shared/model/bulk-retry.ts';
import { sentenceOf } from '../../../shared/model/retry-verdict.ts';
import { obstacleInWords } from '../../engine/retry/refusals.ts';

/** Why a log is refused or was skipped, in a sentence for an operator. */
export function verdictInWords(verdict: BulkVerdict): string {
  switch (verdict) {
    case 'MAY_HOLD':
    case 'ACCEPTED':
    case 'HANDED_ON':
    case 'REFUSED_UNCHANGED':
    case 'OVERTAKEN':
      return sentenceOf(verdict, { mayHold: [], isBodyChanged: false });
    case 'NOT_FOUND':
    case 'CALL':
    case 'UNDER_WAY':
    case 'CHANGED':
    case 'HELD':
    case 'DISABLED':
    case 'NO_RULE':
    case 'NO_BODY':
    case 'OBJECT_GONE':
    case 'MAPPING_FAILED':
      return obstacleInWords(verdict);
    case 'CANCELLED':
      return 'The bulk retry was cancelled before it was sent.';
    case 'TAKEN_OUT':
      return 'Somebody took it out of the queue, or retried it anew, before it was sent.';
  }
}

/** Why a bulk retry stands still, or did, and what to do about it. */
export function stopInWords({ why, failureClass, count, by }: BulkStop): string {
  switch (why) {
    case 'CANARY_FAILED':
      return `${canaryInWords(failureClass)} Nothing more is sent. Mend the cause and resume, or cancel.`;
    case 'FAILURES':
      return `${count} have failed in the same way (${failureClass}). Nothing more is sent. Mend the cause and resume, or cancel.`;
    case 'BY_HAND':
      return `${by} paused it. What was queued by then is still sent.`;
    case 'TOO_MANY':
      return 'Its filter finds more logs than one bulk retry may have (100,000). Narrow the filter and plan anew.';
    case 'RESTORED':
      return 'It was under way in a backup that was restored, and may have sent more since. Look at what it would send; resume or cancel it.';
  }
}

function canaryInWords(failureClass: string | null): string {
  switch (failureClass) {
    case 'ENDPOINT_DOWN':
      return 'The log that goes first waits for an endpoint that is down.';
    case 'HELD':
      return 'The log that goes first is held.';
    default:
      return `The log that went first has failed (${failureClass}).`;
  }
}
