import { z } from 'zod';
import {
  ATTEMPT_KINDS,
  CALL_ERROR_KINDS,
  CERTAINTIES,
  DIRECTIONS,
  ERROR_KINDS,
  HELD_REASONS,
  LOG_STATUSES,
  OBJECT_KINDS,
  OBJECTS_FROM,
  PRIORITIES,
  RESOLUTIONS,
  RETRY_BODY_ORIGINS,
  RETRY_STATES,
  REVISION_REASONS,
  STAGES,
  TRANSPORTS,
} from '../model/vocabulary.ts';
import { isoTime } from './common.ts';

const reference = z.object({
  kind: z.enum(OBJECT_KINDS),
  id: z.string().min(1).max(200),
});

const headers = z.record(z.string(), z.string());

/** A log as lists show it. */
export const logSummaryDocument = z.object({
  /** Patient data is masked; revealLog shows it to operators. */
  masked: z.boolean(),
  log_id: z.string(),
  direction: z.enum(DIRECTIONS),
  status: z.enum(LOG_STATUSES),
  certainty: z.enum(CERTAINTIES).nullable(),
  retry_state: z.enum(RETRY_STATES),
  stage: z.enum(STAGES),
  priority: z.enum(PRIORITIES),
  deliver_by: isoTime.nullable(),
  ordering_key: z.string().nullable(),
  /** Null: a call into the lab that named none. */
  lab_id: z.int().nullable(),
  organization_id: z.int().nullable(),
  lab_integration_id: z.int().nullable(),
  config_version: z.int().nullable(),
  /** Null, and the category too: a call into the lab that is no event. */
  action_category_list_id: z.int().nullable(),
  action_category: z.string().nullable(),
  event_id: z.string().nullable(),
  batch_id: z.string().nullable(),
  /** The log_id of the call into the lab that fired it. */
  triggered_by: z.string().nullable(),
  references: z.array(reference),
  transport: z.enum(TRANSPORTS),
  end_point: z.string().nullable(),
  request_method: z.string().nullable(),
  revision: z.int(),
  control_id: z.string().nullable(),
  response_status_code: z.int().nullable(),
  response_time: z.number().nullable(),
  error_kind: z.enum([...ERROR_KINDS, ...CALL_ERROR_KINDS]).nullable(),
  error_message: z.string().nullable(),
  integration_callback_url: z.string().nullable(),
  is_retry_enabled: z.boolean(),
  retry_count: z.int(),
  next_retry_at: isoTime.nullable(),
  held_reason: z.enum(HELD_REASONS).nullable(),
  /** The head of its ordering key, where it waits for that (held_reason HEAD_… or BEHIND_…). */
  waits_for: z.string().nullable(),
  /** Who opened the circuit breaker that it waits for by hand, and why. */
  held_note: z.string().nullable(),
  /** An operator's word (resolveLog), until a signal settles the log after all. */
  resolution: z.enum(RESOLUTIONS).nullable(),
  resolved_at: isoTime.nullable(),
  activity_date: isoTime.nullable(),
  created_at: isoTime,
  updated_at: isoTime,
});

/** One execution of the delivery (the retry log). */
export const attemptDocument = z.object({
  attempt_id: z.string(),
  attempt: z.int(),
  kind: z.enum(ATTEMPT_KINDS),
  revision: z.int(),
  config_version: z.int(),
  /** The outside worker that made it, by its own name; null: LabRelay itself. */
  worker: z.string().nullable(),
  status: z.enum(LOG_STATUSES).nullable(),
  certainty: z.enum(CERTAINTIES).nullable(),
  stage: z.enum(STAGES).nullable(),
  error_kind: z.enum(ERROR_KINDS).nullable(),
  error_message: z.string().nullable(),
  end_point: z.string().nullable(),
  request_method: z.string().nullable(),
  request_headers: headers.nullable(),
  response_status_code: z.int().nullable(),
  response_headers: headers.nullable(),
  response_body: z.string().nullable(),
  /** The partner's body was longer than is kept. */
  response_body_cut: z.boolean(),
  response_time: z.number().nullable(),
  started_at: isoTime,
  ended_at: isoTime.nullable(),
  /** Who retried by hand; null: nobody. */
  actor: z.string().nullable(),
  /** Why, in that person's words. */
  reason: z.string().nullable(),
  /** What a retry's body was made of; null: it is no retry, or was made before this was kept. */
  body_from: z.enum(RETRY_BODY_ORIGINS).nullable(),
  /** Where its objects were read; null where none was. */
  objects_from: z.enum(OBJECTS_FROM).nullable(),
  /** Why our own copy had to serve; null where it need not. */
  fallback: z.string().nullable(),
  /** JSON pointers to what differs from what was sent before it, the first fifty. */
  changed: z.array(z.string()),
  /** The bulk retry that it was part of. */
  bulk_retry_id: z.string().nullable(),
});

/** One distinct body; `key` is what the receiver was given to recognise repeats by. */
export const revisionDocument = z.object({
  revision: z.int(),
  key: z.string(),
  sha256: z.string(),
  config_version: z.int(),
  reason: z.enum(REVISION_REASONS),
  /** Where the objects of a body that was built anew were read; null for the first. */
  objects_from: z.enum(OBJECTS_FROM).nullable(),
  content_type: z.string(),
  body: z.string(),
  created_at: isoTime,
});

/** A whole log: found by `log_id`, written before anything is sent. */
export const logDocument = logSummaryDocument.extend({
  request_headers: headers.nullable(),
  request_body: z.string().nullable(),
  /** Of a call into the lab: more of it was sent than is kept, or than had come. */
  request_body_cut: z.boolean(),
  response_headers: headers.nullable(),
  response_body: z.string().nullable(),
  /** It was longer than is kept (256 KiB). */
  response_body_cut: z.boolean(),
  /** Null: a call into the lab, which nobody but its caller can make again. */
  retry_context: z
    .object({ action_category: z.string(), references: z.array(reference) })
    .nullable(),
  ip: z.string().nullable(),
  origin: z.string().nullable(),
  token_hint: z.string().nullable(),
  /** The name of the access key that a call came with. */
  token_owner: z.string().nullable(),
  /** What this call fired: the first hundred by their log_id; searchLogs with triggered_by has all. */
  triggered: z.array(z.string()),
  attempts: z.array(attemptDocument),
  revisions: z.array(revisionDocument),
  activity: z.array(
    z.object({
      at: isoTime,
      actor: z.string(),
      kind: z.string(),
      note: z.string(),
      detail: z.record(z.string(), z.json()).nullable(),
    }),
  ),
});

export type LogDocument = z.output<typeof logDocument>;
export type LogSummaryDocument = z.output<typeof logSummaryDocument>;
