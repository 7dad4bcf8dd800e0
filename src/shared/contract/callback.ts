import { z } from 'zod';
import { ERROR_KINDS, LOG_STATUSES, STAGES } from '../model/vocabulary.ts';
import { givenTime } from './common.ts';

const headerFields = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]));

/** A body as reporters send it: text, or JSON that is kept as its text. */
const body = z.union([z.string(), z.json()]).nullish();

/**
 * The enriched payload that a worker or a Mirth channel posts to `/integration_callback/`.
 * `{log_id, stage}` alone reports a stage. Fields beyond these are not kept, since older workers
 * post their whole payload; they are looked through for addresses.
 */
export const callbackReport = z.looseObject({
  log_id: z.string().min(1, 'name the log that this report is about').max(100),
  attempt_id: z.string().min(1).max(120).nullish(),
  status: z.enum(LOG_STATUSES).nullish(),
  stage: z.enum(STAGES).nullish(),
  end_point: z.string().max(4_000).nullish(),
  request_headers: headerFields.nullish(),
  request_body: body,
  response_headers: headerFields.nullish(),
  response_body: body,
  response_body_cut: z.boolean().nullish(),
  /** Servers do answer with codes beyond 599 (RFC 9110, 15 calls them invalid); told as they are. */
  response_status_code: z.int().min(100).max(999).nullish(),
  /** Milliseconds. */
  response_time: z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  error_kind: z.enum(ERROR_KINDS).nullish(),
  error_message: z.string().max(2_000).nullish(),
  activity_date: givenTime.nullish(),
  /** Only as `integration_payload` gave it: reports go to no address that a caller brings. */
  integration_callback_url: z.string().max(2_000).nullish(),
});

/**
 * Begins an error message that an outside worker has told in its own words, which may quote a
 * patient's data; LabRelay's own messages never do.
 */
export const REPORTED = 'Reported by the worker: ';

export type CallbackReport = z.output<typeof callbackReport>;

export const callbackAnswer = z.object({
  log_id: z.string(),
  /** False: a repeat, or a weaker or older signal than what is known. */
  changed: z.boolean(),
});
