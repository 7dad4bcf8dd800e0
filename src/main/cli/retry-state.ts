import type { LogDocument } from '../../shared/contract/log-document.ts';
import type { RetryState } from '../../shared/model/vocabulary.ts';
import { localTime, relativeTime } from './times.ts';

/** What the schedule has to do with it; NONE is not told. */
const RETRY_WORDS: Record<Exclude<RetryState, 'NONE'>, string> = {
  SCHEDULED: 'tried again by itself',
  RUNNING: 'a retry of it is under way',
  EXHAUSTED: 'not tried again by itself; "labrelay retry" sends it',
  CANCELLED: 'a person, or a newer delivery, has stopped it; "labrelay retry" sends it',
  HELD: 'it waits until it is let go',
};

/**
 * How a log's schedule stands, how often it was retried, and when it is next; null: nothing of it.
 * @param now epoch milliseconds
 */
export function retryWords(
  { retry_state, retry_count, next_retry_at }: LogDocument,
  now: number,
): string | null {
  const next =
    next_retry_at === null
      ? ''
      : `next at ${localTime(next_retry_at)} (${relativeTime(next_retry_at, now)})`;
  const state =
    retry_state === 'NONE' ? '' : `${retry_state}: ${wordsOf(retry_state, next !== '')}`;
  const count =
    retry_count > 0 ? `retried ${retry_count === 1 ? 'once' : `${retry_count} times`}` : '';
  return [state, count, next].filter(Boolean).join('; ') || null;
}

/** One without a time was queued by a person, or is due: it leaves when it can. */
function wordsOf(state: Exclude<RetryState, 'NONE'>, hasTime: boolean): string {
  return state === 'SCHEDULED' && !hasTime
    ? 'a retry of it waits in the queue'
    : RETRY_WORDS[state];
}
