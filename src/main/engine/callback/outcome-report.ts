import { STATUS_CODES } from 'node:http';
import type { AttemptReport, ClaimedTask, HeaderRecord } from '../../../shared/model/delivery.ts';
import { certaintyOf, statusOfCertainty } from '../../../shared/model/certainty.ts';
import { isSuppressed } from '../../../shared/model/suppression.ts';
import type { Certainty, ErrorKind, LogStatus, Stage } from '../../../shared/model/vocabulary.ts';
import type { Outcome } from '../dispatch/transport.ts';

/** An attempt's bare outcome in the words of a report: judged by the code, never by a text. */
export function reportOfOutcome(
  task: Pick<ClaimedTask, 'logId' | 'attempt'>,
  endPoint: string | null,
  storedHeaders: HeaderRecord | null,
  outcome: Outcome,
  overrides: Record<string, Certainty>,
  now: number,
): AttemptReport {
  const code = outcome.responseStatusCode;
  const certainty = certaintyOf(
    { errorKind: outcome.errorKind, responseStatusCode: code },
    overrides,
  );
  const suppressed = isSuppressed(code, outcome.responseBody);
  const status = suppressed ? 'SUPPRESSED' : statusOfCertainty(certainty);
  const failed = certainty !== 'ACCEPTED' && certainty !== 'COMMITTED';
  const errorKind: ErrorKind | null = outcome.errorKind ?? (failed ? 'HTTP_STATUS' : null);
  return {
    logId: task.logId,
    attempt: task.attempt,
    status,
    certainty,
    stage: stageOfStatus(status),
    errorKind,
    errorMessage: outcome.errorMessage ?? (failed && code !== null ? statusMessage(code) : null),
    endPoint,
    requestHeaders: storedHeaders,
    responseStatusCode: code,
    responseHeaders: outcome.responseHeaders,
    responseBody: outcome.responseBody,
    responseBodyCut: outcome.responseBodyCut,
    responseTime: outcome.responseTime,
    activityDate: now,
  };
}

/**
 * How far a delivery has come with a status. One that was handed on goes through further stages
 * before its end is reported, and a status that is no outcome tells of none.
 */
export function stageOfStatus(status: LogStatus): Stage | null {
  return status === 'QUEUED' || status === 'PENDING' ? null : 'REPORTED';
}

/** A status code in a sentence. */
export function statusMessage(code: number): string {
  const reason = STATUS_CODES[code];
  return `The partner answered ${code}${reason ? ` ${reason}` : ''}.`;
}
