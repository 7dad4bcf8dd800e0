import { toIso } from '../../../shared/contract/common.ts';
import type { LogDocument, LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import type {
  AttemptRecord,
  LogRecord,
  LogSummary,
  RevisionRecord,
} from '../../../shared/model/delivery.ts';

/** A log as lists show it, in the words of the interface and in clear. */
export function logSummaryDocumentOf(log: LogSummary): LogSummaryDocument {
  return {
    masked: false,
    log_id: log.logId,
    direction: log.direction,
    status: log.status,
    certainty: log.certainty,
    retry_state: log.retryState,
    stage: log.stage,
    priority: log.priority,
    deliver_by: toIso(log.deliverBy),
    ordering_key: log.orderingKey,
    lab_id: log.labId,
    organization_id: log.organizationId,
    lab_integration_id: log.labIntegrationId,
    config_version: log.configVersion,
    action_category_list_id: log.actionCategoryListId,
    action_category: log.actionCategory,
    event_id: log.eventId,
    batch_id: log.batchId,
    triggered_by: log.triggeredBy,
    references: log.references,
    transport: log.transport,
    end_point: log.endPoint,
    request_method: log.requestMethod,
    revision: log.revision,
    control_id: log.controlId,
    response_status_code: log.responseStatusCode,
    response_time: log.responseTime,
    error_kind: log.errorKind,
    error_message: log.errorMessage,
    integration_callback_url: log.integrationCallbackUrl,
    is_retry_enabled: log.isRetryEnabled,
    retry_count: log.retryCount,
    next_retry_at: toIso(log.nextRetryAt),
    held_reason: log.heldReason,
    waits_for: log.waitsFor,
    held_note: log.heldNote,
    resolution: log.resolution,
    resolved_at: toIso(log.resolvedAt),
    activity_date: toIso(log.activityDate),
    created_at: toIso(log.createdAt),
    updated_at: toIso(log.updatedAt),
  };
}

/** A whole log in the words of the interface and in clear; see `masking/` for who may see it. */
export function logDocumentOf(log: LogRecord): LogDocument {
  return {
    ...logSummaryDocumentOf(log),
    request_headers: log.requestHeaders,
    request_body: log.requestBody,
    request_body_cut: log.requestBodyCut,
    response_headers: log.responseHeaders,
    response_body: log.responseBody,
    response_body_cut: log.responseBodyCut,
    retry_context: log.retryContext && {
      action_category: log.retryContext.actionCategory,
      references: log.retryContext.references,
    },
    ip: log.ip,
    origin: log.origin,
    token_hint: log.tokenHint,
    token_owner: log.tokenOwner,
    triggered: log.triggered,
    attempts: log.attempts.map(attemptDocumentOf),
    revisions: log.revisions.map(revisionDocumentOf),
    activity: log.activity.map((note) => ({ ...note, at: toIso(note.at) })),
  };
}

function attemptDocumentOf(attempt: AttemptRecord): LogDocument['attempts'][number] {
  return {
    attempt_id: attempt.attemptId,
    attempt: attempt.attempt,
    kind: attempt.kind,
    revision: attempt.revision,
    config_version: attempt.configVersion,
    worker: attempt.worker,
    status: attempt.status,
    certainty: attempt.certainty,
    stage: attempt.stage,
    error_kind: attempt.errorKind,
    error_message: attempt.errorMessage,
    end_point: attempt.endPoint,
    request_method: attempt.requestMethod,
    request_headers: attempt.requestHeaders,
    response_status_code: attempt.responseStatusCode,
    response_headers: attempt.responseHeaders,
    response_body: attempt.responseBody,
    response_body_cut: attempt.responseBodyCut,
    response_time: attempt.responseTime,
    started_at: toIso(attempt.startedAt),
    ended_at: toIso(attempt.endedAt),
    actor: attempt.retry?.actor ?? null,
    reason: attempt.retry?.reason ?? null,
    body_from: attempt.retry?.body ?? null,
    objects_from: attempt.retry?.objectsFrom ?? null,
    fallback: attempt.retry?.fallback ?? null,
    changed: attempt.retry?.changed ?? [],
    bulk_retry_id: attempt.retry?.bulkRetryId ?? null,
  };
}

function revisionDocumentOf(revision: RevisionRecord): LogDocument['revisions'][number] {
  return {
    revision: revision.revision,
    key: revision.key,
    sha256: revision.sha256,
    config_version: revision.configVersion,
    reason: revision.reason,
    objects_from: revision.objectsFrom,
    content_type: revision.contentType,
    body: revision.body,
    created_at: toIso(revision.createdAt),
  };
}
