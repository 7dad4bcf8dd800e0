import { REPORTED } from '../../../shared/contract/callback.ts';
import type { LogDocument, LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { MASK } from '../../engine/dispatch/masking.ts';
import { type MaskContext, maskBody, maskContext, maskDocument } from './mask-body.ts';
import { maskHeaderFields } from './mask-headers.ts';
import { maskPath } from './mask-retry.ts';

type Note = LogDocument['activity'][number];
type References = LogSummaryDocument['references'];

/**
 * A log as lists and pushes show it to anybody, whatever their role: patients' ids and the ordering
 * key (which may be made of one) are masked, other business identifiers stay.
 */
export function maskSummary(log: LogSummaryDocument): LogSummaryDocument {
  return {
    ...log,
    masked: true,
    ordering_key: log.ordering_key === null ? null : MASK,
    references: maskReferences(log.references),
    end_point: maskQuery(log.end_point),
    error_message: maskReported(log.error_message),
  };
}

/**
 * A whole log as anybody may see it: bodies, headers and patients' ids are masked. A new field must
 * be thought about: the test of this file fails for one that neither it nor this function knows.
 */
export function maskLog(log: LogDocument): LogDocument {
  const context = maskContext(shownIds(log));
  return {
    ...log,
    ...maskSummary(log),
    request_headers: maskHeaderFields(log.request_headers),
    request_body: maskOrNull(log.request_body, context),
    response_headers: maskHeaderFields(log.response_headers),
    response_body: maskOrNull(log.response_body, context),
    retry_context: log.retry_context && {
      ...log.retry_context,
      references: maskReferences(log.retry_context.references),
    },
    attempts: log.attempts.map((attempt) => ({
      ...attempt,
      end_point: maskQuery(attempt.end_point),
      error_message: maskReported(attempt.error_message),
      request_headers: maskHeaderFields(attempt.request_headers),
      response_headers: maskHeaderFields(attempt.response_headers),
      response_body: maskOrNull(attempt.response_body, context),
      changed: attempt.changed.map(maskPath),
    })),
    // A note is LabRelay's or an operator's own words; what hangs onto it may come from a partner.
    activity: log.activity.map((note) => maskedNote(note, context)),
    revisions: log.revisions.map((revision) => ({
      ...revision,
      // A hash of what is masked but for a phone number gives the number away to whoever tries them.
      sha256: MASK,
      body: maskBody(revision.body, context),
    })),
  };
}

/** A note about an object as anybody may see it; the object's own id stays, unless it is a patient's. */
export function maskNote(note: Note, kind: References[number]['kind'], id: string): Note {
  return maskedNote(note, maskContext(kind === 'patient' ? [] : [id]));
}

function maskedNote(note: Note, context: MaskContext): Note {
  const { detail } = note;
  if (detail === null) return note;
  return { ...note, detail: maskDocument(detail, context) as NonNullable<Note['detail']> };
}

function maskReported(message: string | null): string | null {
  return message?.startsWith(REPORTED) ? REPORTED + MASK : message;
}

function maskOrNull(body: string | null, context: MaskContext): string | null {
  return body === null ? null : maskBody(body, context);
}

function maskReferences(references: References): References {
  return references.map((one) => (one.kind === 'patient' ? { kind: one.kind, id: MASK } : one));
}

/**
 * An outside worker tells the address that it has called, in whose query a payload may stand; our
 * own attempts keep the rule's address, without the payload. What a caller puts behind `#` is its own
 * as well.
 */
function maskQuery(endPoint: string | null): string | null {
  const query = endPoint?.search(/[?#]/) ?? -1;
  return endPoint === null || query < 0 ? endPoint : `${endPoint.slice(0, query + 1)}${MASK}`;
}

/** Ids that the document shows in clear in fields of its own. */
function shownIds(log: LogDocument): string[] {
  return [
    log.log_id,
    ...log.triggered,
    ...log.attempts.map(({ attempt_id }) => attempt_id),
    ...log.references.filter(({ kind }) => kind !== 'patient').map(({ id }) => id),
    ...[
      log.event_id,
      log.batch_id,
      log.triggered_by,
      log.action_category,
      log.lab_id,
      log.organization_id,
    ]
      .filter((id) => id !== null)
      .map(String),
    ...(log.lab_integration_id === null ? [] : [String(log.lab_integration_id)]),
  ];
}
