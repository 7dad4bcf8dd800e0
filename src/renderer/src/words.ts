import type {
  Certainty,
  HeldReason,
  LogStatus,
  RetryState,
  RevisionReason,
  Stage,
} from '../../shared/model/vocabulary.ts';
import type { OpenReason } from '../../shared/model/breaker.ts';
import type {
  BulkItemState,
  BulkRetryAction,
  BulkRetryState,
} from '../../shared/model/bulk-retry.ts';
import type { Line } from './client/client.ts';

/** A status is told by icon and word together; colour only repeats it. */
export const STATUS_WORDS: Record<LogStatus, { icon: string; word: string; meaning: string }> = {
  PENDING: { icon: '○', word: 'Pending', meaning: 'No outcome yet.' },
  QUEUED: { icon: '◷', word: 'Queued', meaning: 'Handed on; the confirmation is outstanding.' },
  SUCCESS: { icon: '✓', word: 'Success', meaning: 'The partner has taken it.' },
  FAIL: { icon: '✕', word: 'Failed', meaning: 'The newest attempt failed.' },
  SUPPRESSED: {
    icon: '⊘',
    word: 'Suppressed',
    meaning: 'The partner asked that no status be shown for it.',
  },
};

/** How a call into the lab ended. */
export const CALL_WORDS: Record<'SUCCESS' | 'FAIL', string> = {
  SUCCESS: 'A call into the lab that was answered as asked.',
  FAIL: 'A call into the lab that was not done as asked.',
};

/** Whether the partner may have the message, in a sentence for an operator. */
export const CERTAINTY_WORDS: Record<Certainty, string> = {
  NOT_SENT: 'Nothing was sent: the partner cannot have it.',
  REFUSED_RETRYABLE: 'The partner refused it for now and may be asked again.',
  REFUSED: 'The partner refused it: sending the same again will not help.',
  UNKNOWN: 'Unknown: the partner may or may not have it.',
  COMMITTED: 'The partner has it and will confirm it later.',
  ACCEPTED: 'The partner has accepted it.',
};

export const STAGE_WORDS: Record<Stage, string> = {
  CREATED: 'Log created',
  ENQUEUED: 'Task queued',
  DISPATCHED: 'Sent',
  LIVEHEALTHAPI: 'Ids injected into the HL7 message',
  MIRTH: 'Reached Mirth',
  DOWNSTREAM: 'Passed on by Mirth',
  CONFIRMED: 'Confirmed by the receiver',
  REPORTED: 'Outcome reported',
};

const RETRY_WORDS: Record<RetryState, string> = {
  NONE: 'None',
  SCHEDULED: 'Scheduled',
  RUNNING: 'Running',
  EXHAUSTED: 'Given up',
  CANCELLED: 'Cancelled',
  HELD: 'Held',
};

/** What is being done to send a log again. One without a time was queued by a person, or is due. */
export function retryWords(log: { retry_state: RetryState; next_retry_at: string | null }): string {
  const { retry_state: state, next_retry_at: next } = log;
  return state === 'SCHEDULED' && next === null ? 'In the queue' : RETRY_WORDS[state];
}

/** Why a delivery is held back or waits, in a sentence. */
export const HELD_WORDS: Record<HeldReason, string> = {
  BEHIND_HEAD: 'It follows another delivery of its ordering key, which is not finished yet.',
  HEAD_UNKNOWN:
    'The delivery before it in its ordering key is in doubt. It is sent when that is settled, or after 30 minutes.',
  HEAD_REFUSED:
    'The delivery before it in its ordering key was refused. It is sent when that is delivered or its key is released.',
  HEAD_RETRYING:
    'The delivery before it in its ordering key has failed and is tried again. It is sent when that is delivered or given up, or after 30 minutes.',
  INTEGRATION_DISABLED:
    'The integration is disabled. Enabling it asks what is to become of what waits.',
  BEHIND_HELD: 'Others of its ordering key were held before it and go first.',
  ENDPOINT_DOWN: 'The partner cannot be reached. A probe asks again every 15 seconds.',
  RULE_UNFIT:
    'The rule or its credentials cannot be used as they are; the newest attempt says what to mend. It is tried again every 15 seconds and at each change.',
  BREAKER_OPEN:
    'Too many deliveries in a row have failed. A probe tries again every 15 seconds, or when the partner wants it.',
  RESTORED_BACKUP:
    'It was open in a backup that was restored. The partner may have got it since: release it knowingly.',
  BATCH_RECEIVING: 'The batch that it came in is not complete yet. It is sent when it is.',
};

export const REVISION_WORDS: Record<RevisionReason, string> = {
  FIRST: 'as first built',
  REBUILT: 'rebuilt from current data',
  EDITED: 'edited by an operator',
};

/** How the line stands on which changes are told. */
export const LINE_WORDS: Record<
  Line,
  { icon: string; word: string; meaning: string; badge: string }
> = {
  live: {
    icon: '●',
    word: 'Live',
    meaning: 'What changes shows by itself.',
    badge: 'success',
  },
  reconnecting: {
    icon: '◌',
    word: 'Reconnecting …',
    meaning: 'Until it is live again the page asks every 5 seconds.',
    badge: 'pending',
  },
  offline: {
    icon: '✕',
    word: 'Offline',
    meaning: 'No changes are told. The page asks every 5 seconds.',
    badge: 'fail',
  },
};

/** Where a bulk retry stands. */
export const BULK_STATE_WORDS: Record<
  BulkRetryState,
  { icon: string; word: string; meaning: string; badge: string }
> = {
  PLANNING: { icon: '○', word: 'Planning', meaning: 'Its logs are being found.', badge: 'pending' },
  PLANNED: {
    icon: '◷',
    word: 'Planned',
    meaning: 'Nothing is sent before it is started.',
    badge: 'pending',
  },
  CANARY: {
    icon: '↻',
    word: 'First ones',
    meaning: 'One of each integration is sent; the others wait for what becomes of it.',
    badge: 'pending',
  },
  RUNNING: { icon: '↻', word: 'Running', meaning: 'Its logs are sent again.', badge: 'pending' },
  PAUSED: { icon: '‖', word: 'Paused', meaning: 'No more is queued for now.', badge: 'pending' },
  STOPPED: {
    icon: '⚠',
    word: 'Stopped',
    meaning: 'It has stopped by itself; nothing more is queued.',
    badge: 'fail',
  },
  DONE: { icon: '✓', word: 'Done', meaning: 'All of its logs are settled.', badge: 'success' },
  CANCELLED: {
    icon: '⊘',
    word: 'Cancelled',
    meaning: 'What had not been sent is not sent.',
    badge: 'pending',
  },
};

/** What a person did to a bulk retry, after their name. */
export const BULK_ACT_WORDS: Record<BulkRetryAction, string> = {
  start: 'started it',
  pause: 'paused it',
  resume: 'resumed it',
  cancel: 'cancelled it',
};

/** Where one log of a bulk retry stands. */
export const BULK_ROW_WORDS: Record<BulkItemState, string> = {
  PLANNED: 'Waiting',
  REFUSED: 'Refused',
  QUEUED: 'Under way',
  DONE: 'Sent',
  SKIPPED: 'Skipped',
};

/** Why nothing leaves for an integration, in the middle of a sentence. */
export const OPEN_WORDS: Record<OpenReason, string> = {
  ENDPOINT_DOWN: 'its endpoint cannot be reached',
  RULE_UNFIT: 'the rule or its credentials cannot be used as they are',
  BREAKER: 'too many deliveries in a row have failed',
  BY_HAND: 'stopped',
};
