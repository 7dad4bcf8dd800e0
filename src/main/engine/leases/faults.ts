import { fieldError, LabRelayError } from '../../../shared/errors.ts';

/** Why nothing may be sent for a lease. */
export type WhyLost =
  | 'LOST'
  | 'EXPIRED'
  | 'PAUSED'
  | 'DISABLED'
  /** The integration's breaker was opened by hand. */
  | 'STOPPED'
  | 'LOCAL'
  /** It was started before, and nothing may leave any more. */
  | 'STARTED'
  /** Its request cannot be made; the log says why. */
  | 'NOT_SENDABLE';

const WORDS: Record<WhyLost, string> = {
  LOST: 'The lease holds no task: it ran out, was taken back, or its task has ended.',
  EXPIRED: 'The lease has run out.',
  PAUSED: 'Deliveries are paused, so the task went back into its place.',
  DISABLED: 'The integration was switched off, so the task is held.',
  STOPPED:
    'The circuit breaker of the integration was opened by hand, so the task went back into its place.',
  LOCAL: 'LabRelay makes the calls of this integration itself by now, so the task went back.',
  STARTED:
    'The attempt was started before, and by now nothing may leave for it; what came of it may still be reported.',
  NOT_SENDABLE: 'The request cannot be made; the log of the task says why.',
};

/** The one answer after which a worker must forget a task. */
export function lostLease(why: WhyLost): LabRelayError {
  const reason = 'holds no task; send nothing for it, and lease again';
  return new LabRelayError('LEASE_LOST', `${WORDS[why]} Send nothing for it; lease again.`, [
    { field: 'lease_id', reason },
  ]);
}

/** Only a started attempt may have an outcome: a crash would otherwise leave a sent one unknown. */
export function notStarted(): LabRelayError {
  return fieldError(
    'NOT_STARTED',
    'lease_id',
    'its attempt was not started: call startTask before sending; of an attempt that was never sent report an error_kind such as CONNECT, or give the task back with releaseTask',
  );
}
