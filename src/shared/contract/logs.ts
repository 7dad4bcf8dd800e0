import { z } from 'zod';
import {
  CALL_ERROR_KINDS,
  CERTAINTIES,
  DIRECTIONS,
  ERROR_KINDS,
  LOG_STATUSES,
  OBJECT_KINDS,
  PRIORITIES,
  RESOLUTIONS,
  RETRY_STATES,
} from '../model/vocabulary.ts';
import { givenTime, id } from './common.ts';
import { objectId } from './domain-objects.ts';
import { logDocument, logSummaryDocument } from './log-document.ts';
import { procedure } from './procedure.ts';

const several = <T extends readonly [string, ...string[]]>(values: T) =>
  z.array(z.enum(values)).min(1).optional();

/** Why an operator does it, as the audit chain and the log's activity keep it. */
const reason = z
  .string()
  .trim()
  .min(3, 'say why in a few words')
  .max(500, 'must have at most 500 characters');

const logId = z.string().min(1).max(100);

export const searchLogsInput = z.strictObject({
  /** Whole, the first characters, or the last 6 or more. */
  log_id: z
    .string()
    .min(1, 'give the first characters, or the last 6 or more')
    .max(36)
    .regex(/^[0-9a-fA-F-]*$/, 'a log_id has only hex digits and hyphens')
    .optional(),
  status: several(LOG_STATUSES),
  certainty: several(CERTAINTIES),
  retry_state: several(RETRY_STATES),
  direction: z.enum(DIRECTIONS).optional(),
  lab_id: id.optional(),
  lab_integration_id: id.optional(),
  action_category: z.string().min(1).max(100).optional(),
  batch_id: z.string().min(1).max(100).optional(),
  event_id: z.string().min(1).max(200).optional(),
  /** The log_id of the call into the lab that fired them. */
  triggered_by: z.string().min(1).max(100).optional(),
  control_id: z.string().min(1).max(200).optional(),
  reference: z.strictObject({ kind: z.enum(OBJECT_KINDS), id: objectId }).optional(),
  response_status_code: z.int().min(100).max(999).optional(),
  error_kind: z.enum([...ERROR_KINDS, ...CALL_ERROR_KINDS]).optional(),
  priority: z.enum(PRIORITIES).optional(),
  from: givenTime.optional(),
  to: givenTime.optional(),
  text: z.string().min(1).max(500).optional(),
  include_suppressed: z.boolean().default(false),
  cursor: z.string().max(200).optional(),
  limit: z.int().min(1).max(200).default(50),
});

export const logProcedures = {
  searchLogs: procedure({
    summary:
      'Finds logs, newest first, all given filters must hold; patient data is masked, and text or a patient as reference takes an operator',
    role: 'viewer',
    audit: 'none',
    // Whether a word or a patient is found tells of patients, whatever is shown.
    readsInClear: (input) => input.text !== undefined || input.reference?.kind === 'patient',
    input: searchLogsInput,
    output: z.object({
      items: z.array(logSummaryDocument),
      next_cursor: z.string().nullable(),
      /** Exact up to 1,000; above, told from how densely the newest thousand lie. */
      total_estimate: z.int(),
    }),
  }),
  getLog: procedure({
    summary: 'One whole log document with its attempts and revisions; patient data is masked',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({ log_id: logId }),
    output: logDocument,
  }),
  getLogs: procedure({
    summary:
      'Logs as searchLogs shows them, by their ids, e.g. to read anew what is on a screen; patient data is masked',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      log_ids: z.array(logId).min(1, 'must name at least one log').max(200),
    }),
    /** Those that exist, in no promised order. */
    output: z.object({ items: z.array(logSummaryDocument) }),
  }),
  revealLog: procedure({
    summary: 'One whole log document in clear; who asked, when and why is kept in the audit chain',
    role: 'operator',
    audit: 'clear',
    input: z.strictObject({ log_id: logId, reason: reason.optional() }),
    output: logDocument,
  }),
  resolveLog: procedure({
    summary: 'Closes by hand a log that is QUEUED, or whose outcome is unknown',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      log_id: logId,
      /** What the receiver's people say: whether they have the message. */
      resolution: z.enum(RESOLUTIONS, { error: 'must be delivered or not_delivered' }),
      reason,
    }),
    output: logDocument,
  }),
};
