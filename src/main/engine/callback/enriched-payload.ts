import { type CallbackReport, REPORTED } from '../../../shared/contract/callback.ts';
import { LabRelayError, fieldError } from '../../../shared/errors.ts';
import {
  certaintyOf,
  type CertaintyOverrides,
  statusOfCertainty,
} from '../../../shared/model/certainty.ts';
import {
  type AttemptReport,
  type HeaderRecord,
  type IntegrationPayload,
  parseAttemptId,
} from '../../../shared/model/delivery.ts';
import { isSuppressed } from '../../../shared/model/suppression.ts';
import type { Certainty, ErrorKind, LogStatus } from '../../../shared/model/vocabulary.ts';
import { maskHeaders } from '../dispatch/masking.ts';
import { refuseContradiction } from './contradictions.ts';
import { stageOfStatus, statusMessage } from './outcome-report.ts';

/** Kept of a report's response body (UTF-16 units), as of an answer that our own worker takes. */
const KEPT_BODY = 256 * 1024;

/**
 * Longest request body that a report repeats (UTF-16 units). The log has it anyway, and a report
 * must stay below the route's body limit however much JSON escapes of it, or it would be refused
 * for ever.
 */
const REPEATED_BODY = 512 * 1024;

/** A report in the words of the callback route: what our own worker posts when it reports over HTTP. */
export function enrichedPayload(
  integrationPayload: IntegrationPayload,
  report: AttemptReport,
  requestBody: string,
): CallbackReport & IntegrationPayload {
  return {
    ...integrationPayload,
    status: report.status,
    stage: report.stage,
    end_point: report.endPoint,
    request_headers: report.requestHeaders,
    request_body: requestBody.length > REPEATED_BODY ? null : requestBody,
    response_headers: report.responseHeaders,
    response_body: report.responseBody,
    response_body_cut: report.responseBodyCut,
    response_status_code: report.responseStatusCode,
    response_time: report.responseTime,
    error_kind: report.errorKind,
    error_message: report.errorMessage,
    activity_date: new Date(report.activityDate).toISOString(),
  };
}

/** What a report is read by: the present rule of its log. */
export interface ReportContext {
  overrides: CertaintyOverrides;
  /** Names, in lower case, of headers by which the rule's authentication proves who calls. */
  secretHeaders: readonly string[];
  /**
   * Name of the access key that it came with; null: our own worker, whose outcomes were judged when
   * they came and stand even where the rule has been changed since.
   */
  reporter: string | null;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Reads a report from the callback route. Suppression and certainty are judged here as for our own
 * attempts, from the code and the closed error kinds; a reporter's own words for them do not count.
 *
 * @throws LabRelayError `INVALID_INPUT` for an attempt of another log, and for a report that says
 *   nothing or contradicts itself
 */
export function readEnrichedPayload(
  body: CallbackReport,
  { overrides, secretHeaders, reporter, now }: ReportContext,
): AttemptReport {
  const code = body.response_status_code ?? null;
  const errorKind = body.error_kind ?? null;
  const responseBody = textOf(body.response_body);
  if (reporter !== null && !isSuppressed(code, responseBody)) refuseContradiction(body, overrides);
  const status = reportedStatus(body, code, errorKind, responseBody, overrides);
  if (status === null && !body.stage) {
    throw new LabRelayError('INVALID_INPUT', 'The report says neither a status nor a stage.', [
      { field: 'status', reason: 'give a status, a response_status_code or a stage' },
    ]);
  }
  const certainty = status && reportedCertainty(status, code, errorKind, overrides);
  const failed =
    status === 'FAIL' ||
    (certainty !== null && certainty !== 'ACCEPTED' && certainty !== 'COMMITTED');
  return {
    logId: body.log_id,
    attempt: attemptNumber(body),
    status,
    certainty,
    stage: body.stage ?? (status === null ? null : stageOfStatus(status)),
    errorKind: errorKind ?? (failed && code !== null ? 'HTTP_STATUS' : null),
    errorMessage:
      messageOf(body, reporter) ?? (failed && code !== null ? statusMessage(code) : null),
    endPoint: body.end_point ?? null,
    requestHeaders: headersOf(body.request_headers, secretHeaders),
    responseStatusCode: code,
    responseHeaders: headersOf(body.response_headers, secretHeaders),
    responseBody: responseBody === null ? null : responseBody.slice(0, KEPT_BODY),
    responseBodyCut: (body.response_body_cut ?? false) || (responseBody?.length ?? 0) > KEPT_BODY,
    responseTime: typeof body.response_time === 'number' ? Math.round(body.response_time) : null,
    // A reporter whose clock is ahead would date things into the future.
    activityDate: body.activity_date ? Math.min(Date.parse(body.activity_date), now) : now,
    receivedAt: now,
    ...(reporter === null ? {} : { reporter }),
  };
}

function attemptNumber(body: CallbackReport): number | null {
  if (!body.attempt_id) return null;
  const parsed = parseAttemptId(body.attempt_id);
  if (parsed?.logId !== body.log_id) {
    throw fieldError(
      'INVALID_INPUT',
      'attempt_id',
      'does not belong to this log_id; send it as integration_payload gave it, or leave it out',
    );
  }
  return parsed.attempt;
}

function reportedStatus(
  body: CallbackReport,
  code: number | null,
  errorKind: ErrorKind | null,
  responseBody: string | null,
  overrides: CertaintyOverrides,
): LogStatus | null {
  if (isSuppressed(code, responseBody)) return 'SUPPRESSED';
  const told = body.status ?? null;
  // PENDING says that there is no outcome yet; a code or an error says that there is one.
  if ((told !== null && told !== 'PENDING') || (code === null && errorKind === null)) return told;
  const certainty = certaintyOf({ errorKind, responseStatusCode: code }, overrides);
  return statusOfCertainty(certainty);
}

function reportedCertainty(
  status: LogStatus,
  code: number | null,
  errorKind: ErrorKind | null,
  overrides: CertaintyOverrides,
): Certainty | null {
  switch (status) {
    case 'PENDING':
      return null;
    case 'SUCCESS':
      return 'ACCEPTED';
    case 'QUEUED':
      return 'COMMITTED';
    case 'SUPPRESSED':
      // Suppression hides the status only.
      return code === null && errorKind === null
        ? 'ACCEPTED'
        : certaintyOf({ errorKind, responseStatusCode: code }, overrides);
    case 'FAIL': {
      const certainty = certaintyOf({ errorKind, responseStatusCode: code }, overrides);
      // Called a failure in spite of a 2xx: the partner may well hold the message.
      return certainty === 'ACCEPTED' || certainty === 'COMMITTED' ? 'UNKNOWN' : certainty;
    }
  }
}

/** Text stays as it is; JSON is kept as its text. */
function textOf(body: CallbackReport['response_body']): string | null {
  if (body === null || body === undefined) return null;
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function headersOf(
  headers: CallbackReport['request_headers'],
  secretHeaders: readonly string[],
): HeaderRecord | null {
  if (!headers) return null;
  const record: HeaderRecord = {};
  for (const [name, value] of Object.entries(headers)) {
    record[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return maskHeaders(record, secretHeaders);
}

/** Marks an outside worker's words as such, so that they can be masked; our own hold no patient data. */
function messageOf({ error_message: told }: CallbackReport, reporter: string | null) {
  return told && reporter !== null ? REPORTED + told : told;
}
