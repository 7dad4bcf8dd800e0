import type { Database } from 'better-sqlite3';
import type { TakenCall } from '../../shared/model/call.ts';
import type { HeaderRecord, LogRecord, RetryContext } from '../../shared/model/delivery.ts';
import type { Reference } from '../../shared/model/domain.ts';
import { decodeBodyOrNull, encodeBody, type StoredBody } from './bodies.ts';

/** Logs that one document names of those which its call has fired. */
const TRIGGERED_SHOWN = 100;

type Value = string | number | null;

/** A call as its columns, written so on the calling thread: a list is copied faster than a record. */
export interface EncodedCall {
  /** Of `log`, in the order of its INSERT. */
  log: Value[];
  requestHeaders: string;
  requestBody: string | null;
  requestBodyCut: number;
  responseHeaders: string | null;
  responseBody: string | null;
  responseBodyCut: number;
  tokenOwner: string | null;
  references: Reference[];
}

/** The `log_id` of a call that is on its way to the writer. */
export function logIdOfCall({ log }: EncodedCall): string {
  return String(log[0]);
}

/** @param responseBody null also where it is the answer of the event that the call brought */
export function encodeCall(call: TakenCall, responseBody: string | null): EncodedCall {
  const answeredAt = call.arrivedAt + (call.responseTime ?? 0);
  const kept: RetryContext = {
    actionCategory: call.actionCategory ?? '',
    references: call.references,
  };
  return {
    log: [
      call.logId,
      call.status,
      // An answered call is at its end; of one whose caller was gone nothing was reported.
      call.responseStatusCode === null ? 'CREATED' : 'REPORTED',
      call.priority,
      call.labId ?? 0,
      call.organizationId,
      call.actionCategoryListId ?? 0,
      call.actionCategory ?? '',
      call.eventId,
      call.batchId,
      call.endPoint,
      call.requestMethod,
      call.responseStatusCode,
      call.responseTime,
      call.errorKind,
      call.errorMessage,
      JSON.stringify(kept),
      call.ip,
      call.origin,
      call.tokenHint,
      answeredAt,
      call.arrivedAt,
      answeredAt,
    ],
    requestHeaders: JSON.stringify(call.requestHeaders),
    requestBody: call.requestBody,
    requestBodyCut: call.requestBodyCut ? 1 : 0,
    responseHeaders: call.responseHeaders && JSON.stringify(call.responseHeaders),
    responseBody,
    responseBodyCut: call.responseBodyCut ? 1 : 0,
    tokenOwner: call.tokenOwner,
    references: call.references.filter(({ kind }) => kind !== 'event'),
  };
}

/**
 * Writes a call into the lab as one INBOUND log, inside the caller's transaction. A call that is kept
 * already is passed over, so that it can be replayed.
 */
export function createKeepCall(
  db: Database,
): (call: EncodedCall, responseBody?: string | null) => void {
  const insertLog = db.prepare(
    `INSERT INTO log (log_id, direction, status, retry_state, stage, priority, lab_id,
       organization_id, action_category_list_id, action_category, event_id, batch_id, transport,
       end_point, request_method, revision, response_status_code, response_time, error_kind,
       error_message, is_retry_enabled, retry_context, ip, origin, token_hint, activity_date,
       created_at, updated_at)
     VALUES (?, 'INBOUND', ?, 'NONE', ?, ?, ?, ?, ?, ?, ?, ?, 'http', ?, ?, 0, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (log_id) DO NOTHING`,
  );
  const insertCall = db.prepare(
    `INSERT INTO inbound_call (log_seq, request_headers, request_body, request_body_cut,
       response_headers, response_body, response_body_cut, token_owner)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertReference = db.prepare(
    'INSERT OR IGNORE INTO log_reference (id, kind, log_seq) VALUES (?, ?, ?)',
  );
  const insertTextPending = db.prepare('INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)');

  return (call, responseBody = call.responseBody) => {
    const { changes, lastInsertRowid: logSeq } = insertLog.run(...call.log);
    if (changes === 0) return;
    insertCall.run(
      logSeq,
      call.requestHeaders,
      encodeOrNull(call.requestBody),
      call.requestBodyCut,
      call.responseHeaders,
      encodeOrNull(responseBody),
      call.responseBodyCut,
      call.tokenOwner,
    );
    for (const { kind, id } of call.references) insertReference.run(id, kind, logSeq);
    insertTextPending.run(logSeq);
  };
}

function encodeOrNull(body: string | null): StoredBody | null {
  return body === null ? null : encodeBody(body);
}

interface CallRow {
  request_headers: string;
  request_body: StoredBody | null;
  request_body_cut: number;
  response_headers: string | null;
  response_body: StoredBody | null;
  response_body_cut: number;
  token_owner: string | null;
}

/** The fields of a whole log document that an INBOUND log has from its call. */
export type CallPart = Pick<
  LogRecord,
  | 'requestHeaders'
  | 'requestBody'
  | 'requestBodyCut'
  | 'responseHeaders'
  | 'responseBody'
  | 'responseBodyCut'
  | 'tokenOwner'
  | 'triggered'
  | 'retryContext'
>;

/** Reads what a call into the lab sent, was answered, and has fired; null for any other log. */
export function createReadCall(
  db: Database,
): (log: { log_seq: number; log_id: string }) => CallPart | null {
  const call = db.prepare<[number], CallRow>(
    `SELECT request_headers, request_body, request_body_cut, response_headers, response_body,
       response_body_cut, token_owner
     FROM inbound_call WHERE log_seq = ?`,
  );
  const triggered = db
    .prepare<[string, number], string>(
      `SELECT log_id FROM log INDEXED BY log_by_trigger WHERE triggered_by = ?
       ORDER BY created_at, log_seq LIMIT ?`,
    )
    .pluck();
  return ({ log_seq: logSeq, log_id: logId }) => {
    const row = call.get(logSeq);
    if (!row) return null;
    return {
      requestHeaders: JSON.parse(row.request_headers) as HeaderRecord,
      requestBody: decodeBodyOrNull(row.request_body),
      requestBodyCut: row.request_body_cut === 1,
      responseHeaders:
        row.response_headers === null ? null : (JSON.parse(row.response_headers) as HeaderRecord),
      responseBody: decodeBodyOrNull(row.response_body),
      responseBodyCut: row.response_body_cut === 1,
      tokenOwner: row.token_owner,
      triggered: triggered.all(logId, TRIGGERED_SHOWN),
      retryContext: null,
    };
  };
}
