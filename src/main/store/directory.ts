import type { Database } from 'better-sqlite3';
import type {
  ActivityNote,
  AttemptRecord,
  HeaderRecord,
  LogOrigin,
  LogRecord,
  LogSummary,
  RetryContext,
  RevisionRecord,
} from '../../shared/model/delivery.ts';
import { attemptId, revisionKey } from '../../shared/model/delivery.ts';
import type { Direction } from '../../shared/model/vocabulary.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import { workerOf } from '../../shared/model/lease.ts';
import type { RetryNote } from '../../shared/model/retry.ts';
import { decodeBody, decodeBodyOrNull, type StoredBody } from './bodies.ts';
import { createReadCall } from './calls.ts';
import { createEndpointWaits } from './endpoint-waits.ts';
import { createWithObjectNotes } from './object-notes.ts';
import { snapshot } from './snapshot.ts';
import { createWaits } from './waits.ts';

/** A row of `log`; the column names are the document's. */
export interface LogRow {
  log_seq: number;
  log_id: string;
  created_at: number;
  retry_context: string;
  is_retry_enabled: number;
  [column: string]: unknown;
}

/** A log's row as lists show it. */
export function logSummary(row: LogRow): LogSummary {
  const context = JSON.parse(row.retry_context) as RetryContext;
  return {
    logId: row.log_id,
    direction: row['direction'],
    status: row['status'],
    certainty: row['certainty'],
    retryState: row['retry_state'],
    stage: row['stage'],
    priority: row['priority'],
    deliverBy: row['deliver_by'],
    orderingKey: row['ordering_key'],
    // 0 and '' where there is none; see migration 3.
    labId: row['lab_id'] || null,
    organizationId: row['organization_id'],
    labIntegrationId: row['lab_integration_id'],
    configVersion: row['config_version'],
    actionCategoryListId: row['action_category_list_id'] || null,
    actionCategory: row['action_category'] || null,
    eventId: row['event_id'],
    batchId: row['batch_id'],
    triggeredBy: row['triggered_by'],
    references: context.references,
    transport: row['transport'],
    endPoint: row['end_point'],
    requestMethod: row['request_method'],
    revision: row['revision'],
    controlId: row['control_id'],
    responseStatusCode: row['response_status_code'],
    responseTime: row['response_time'],
    errorKind: row['error_kind'],
    errorMessage: row['error_message'],
    integrationCallbackUrl: row['integration_callback_url'],
    isRetryEnabled: row.is_retry_enabled === 1,
    retryCount: row['retry_count'],
    nextRetryAt: row['next_retry_at'],
    heldReason: row['held_reason'],
    waitsFor: null,
    heldNote: row['held_note'] ?? null,
    resolution: row['resolution'],
    resolvedAt: row['resolved_at'],
    activityDate: row['activity_date'],
    createdAt: row.created_at,
    updatedAt: row['updated_at'],
  } as LogSummary;
}

interface AttemptRow {
  number: number;
  kind: AttemptRecord['kind'];
  revision: number;
  config_version: number;
  status: AttemptRecord['status'];
  certainty: AttemptRecord['certainty'];
  stage: AttemptRecord['stage'];
  error_kind: AttemptRecord['errorKind'];
  error_message: string | null;
  end_point: string | null;
  request_method: string | null;
  request_headers: string | null;
  response_status_code: number | null;
  response_headers: string | null;
  response_body: StoredBody | null;
  response_body_cut: number;
  response_time: number | null;
  started_at: number;
  ended_at: number | null;
  lease: string | null;
  retry: string | null;
}

interface RevisionRow {
  number: number;
  body: StoredBody;
  content_type: string;
  sha256: string;
  config_version: number;
  reason: RevisionRecord['reason'];
  objects_from: RevisionRecord['objectsFrom'];
  created_at: number;
}

interface ActivityRow {
  at: number;
  actor: string;
  kind: string;
  note: string;
  detail: string | null;
}

/** Reads whole log documents. */
export function createDirectoryQueries(db: Database) {
  const waits = createWaits(db);
  const log = db.prepare<[string], LogRow>('SELECT * FROM log WHERE log_id = ?');
  const attempts = db.prepare<[number], AttemptRow>(
    'SELECT * FROM attempt WHERE log_seq = ? ORDER BY number',
  );
  const withWait = createEndpointWaits(db);
  const readCall = createReadCall(db);
  const withObjectNotes = createWithObjectNotes(db);
  const revisions = db.prepare<[number], RevisionRow>(
    'SELECT * FROM revision WHERE log_seq = ? ORDER BY number',
  );
  const activity = db.prepare<[number], ActivityRow>(
    'SELECT at, actor, kind, note, detail FROM activity WHERE log_seq = ? ORDER BY activity_id',
  );
  const origin = db.prepare<
    [string],
    {
      direction: Direction;
      lab_integration_id: number | null;
      integration_callback_url: string | null;
    }
  >('SELECT direction, lab_integration_id, integration_callback_url FROM log WHERE log_id = ?');

  return {
    // One snapshot: a log and its attempts must not tell of different moments.
    getLog: snapshot(db, (logId: string): LogRecord | null => {
      const row = log.get(logId);
      if (!row) return null;
      const tried = attempts.all(row.log_seq).map((attempt) => attemptRecord(logId, attempt));
      const bodies = revisions.all(row.log_seq).map((revision) => revisionRecord(logId, revision));
      const newest = tried.at(-1);
      const summary = { ...logSummary(withWait(row)), ...waits(row) };
      const sent = bodies.find(
        ({ revision }) => revision === (newest?.revision ?? summary.revision),
      );
      return {
        ...summary,
        retryContext: JSON.parse(row.retry_context) as RetryContext,
        requestHeaders: newest?.requestHeaders ?? null,
        requestBody: sent?.body ?? null,
        requestBodyCut: false,
        responseHeaders: newest?.responseHeaders ?? null,
        responseBody: newest?.responseBody ?? null,
        responseBodyCut: newest?.responseBodyCut ?? false,
        ip: row['ip'] as string | null,
        origin: row['origin'] as string | null,
        tokenHint: row['token_hint'] as string | null,
        tokenOwner: null,
        triggered: [],
        ...(row['direction'] === 'INBOUND' ? readCall(row) : null),
        attempts: tried,
        revisions: bodies,
        activity: withObjectNotes(summary, activity.all(row.log_seq).map(activityNote)),
      };
    }),

    originOfLog(logId: string): LogOrigin | null {
      const row = origin.get(logId);
      return (
        (row && {
          direction: row.direction,
          labIntegrationId: row.lab_integration_id,
          integrationCallbackUrl: row.integration_callback_url,
        }) ??
        null
      );
    },
  };
}

function attemptRecord(logId: string, row: AttemptRow): AttemptRecord {
  return {
    attemptId: attemptId(logId, row.number),
    attempt: row.number,
    kind: row.kind,
    revision: row.revision,
    configVersion: row.config_version,
    worker: row.lease === null ? null : workerOf(row.lease),
    status: row.status,
    certainty: row.certainty,
    stage: row.stage,
    errorKind: row.error_kind,
    errorMessage: row.error_message,
    endPoint: row.end_point,
    requestMethod: row.request_method,
    requestHeaders: headers(row.request_headers),
    responseStatusCode: row.response_status_code,
    responseHeaders: headers(row.response_headers),
    responseBody: decodeBodyOrNull(row.response_body),
    responseBodyCut: row.response_body_cut === 1,
    responseTime: row.response_time,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    retry: row.retry === null ? null : (JSON.parse(row.retry) as RetryNote),
  };
}

function revisionRecord(logId: string, row: RevisionRow): RevisionRecord {
  return {
    revision: row.number,
    key: revisionKey(logId, row.number),
    sha256: row.sha256,
    configVersion: row.config_version,
    reason: row.reason,
    objectsFrom: row.objects_from,
    contentType: row.content_type,
    body: decodeBody(row.body),
    createdAt: row.created_at,
  };
}

function activityNote(row: ActivityRow): ActivityNote {
  return { ...row, detail: row.detail === null ? null : (JSON.parse(row.detail) as JsonObject) };
}

function headers(json: string | null): HeaderRecord | null {
  return json === null ? null : (JSON.parse(json) as HeaderRecord);
}
