import { z } from 'zod';
import {
  BULK_ITEM_STATES,
  BULK_RETRY_ACTIONS,
  BULK_RETRY_STATES,
  BULK_STOPS,
  BULK_VERDICTS,
  MAX_BULK_LOGS,
  MAX_NAMED_LOGS,
} from '../model/bulk-retry.ts';
import { CERTAINTIES, LOG_STATUSES } from '../model/vocabulary.ts';
import { isoTime } from './common.ts';
import { flag, reasonText, whole } from './configuration/fields.ts';
import { searchLogsInput } from './logs.ts';
import { procedure } from './procedure.ts';

/** Which bytes a bulk retry sends: built anew from fresh objects, or those that were to go anyway. */
export const BULK_RETRY_BODIES = ['fresh', 'stored'] as const;

const count = z.int().min(0);

const bulkRetryId = z
  .string({ error: 'must be a bulk_retry_id as listBulkRetries shows it' })
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters');

const logIds = z
  .array(z.string().min(1, 'must not be empty').max(100, 'must have at most 100 characters'), {
    error: 'must be a list of whole log_ids',
  })
  .min(1, 'must name at least one log')
  .max(
    MAX_NAMED_LOGS,
    `must name at most ${MAX_NAMED_LOGS} logs; give a filter instead, or several calls`,
  );

const filter = searchLogsInput.omit({ cursor: true, limit: true });

/** What searchLogs takes, as the caller gave it. */
type Filter = z.output<typeof filter>;

/** Filters that every log, or every delivery, passes. */
const NAMES_NOTHING = new Set(['include_suppressed', 'direction']);

function filterFault(given: Filter): string | null {
  if (given.direction === 'INBOUND') {
    return 'finds calls into the lab, which are never sent again; leave direction out';
  }
  const names = Object.entries(given).some(
    ([name, value]) => value !== undefined && !NAMES_NOTHING.has(name),
  );
  return names ? null : 'names nothing; give a status, an integration, a time span or the like';
}

const planCount = z.object({ total: count, refused: count });

/** A bulk retry as lists show it. */
const bulkRetryDocument = z.object({
  bulk_retry_id: z.string(),
  state: z.enum(BULK_RETRY_STATES),
  /** Exactly one of the two. What may name a patient (text, a patient as reference) is masked. */
  selection: z.object({
    log_ids: count.nullable(),
    filter: z.record(z.string(), z.json()).nullable(),
  }),
  body: z.enum(BULK_RETRY_BODIES),
  has_canary: z.boolean(),
  rate_per_minute: z.int(),
  stop_after: z.int(),
  accepts_duplicates: z.boolean(),
  /** It starts by itself once it is planned, unless some of it is refused for want of a reason. */
  starts_by_itself: z.boolean(),
  reason: z.string().nullable(),
  created_by: z.string(),
  created_at: isoTime,
  started_by: z.string().nullable(),
  started_at: isoTime.nullable(),
  ended_at: isoTime.nullable(),
  /** Its logs; while it is PLANNING, those that were found so far. */
  total: count,
  progress: z.object({
    /** Not queued yet. */
    waiting: count,
    /** Handed to the queue, or being sent. */
    queued: count,
    /** Their attempts have ended; what was suppressed counts by its certainty. */
    done: count,
    succeeded: count,
    failed: count,
    refused: count,
    /** Could not be queued, or were taken out again. */
    skipped: count,
    /** Of the failed, and of those that could not be built; the most frequent first. */
    by_failure_class: z.array(z.object({ failure_class: z.string(), count })),
  }),
  /** Why it stands still, or last did; null: it never did. */
  stop: z
    .object({
      why: z.enum(BULK_STOPS),
      /** In words for an operator. */
      sentence: z.string(),
      /** Error kind and status code, e.g. `HTTP_STATUS 500`; null where a person paused it. */
      failure_class: z.string().nullable(),
      count: count.nullable(),
      at: isoTime,
      /** Null: it stopped by itself. */
      by: z.string().nullable(),
      reason: z.string().nullable(),
    })
    .nullable(),
});

export const bulkRetryProcedures = {
  retryIntegrations: procedure({
    summary:
      'Plans the retry of many logs, by ids or by any search filter; nothing is sent before controlBulkRetry starts it',
    role: 'operator',
    audit: 'change',
    madeId: 'bulk_retry_id',
    input: z
      .strictObject({
        log_ids: logIds.optional(),
        /** As searchLogs takes it; calls into the lab are passed over. */
        filter: filter.optional(),
        /** Needed for logs that the receiver may hold, that it accepted, or that a newer one overtook. */
        reason: reasonText.optional(),
        /** Takes the place of a reason for what was handed on and is not confirmed yet. */
        accept_duplicates: flag.default(false),
        body: z
          .enum(BULK_RETRY_BODIES, { error: `must be one of ${BULK_RETRY_BODIES.join(', ')}` })
          .default('fresh'),
        /** One log of each integration goes first, the others wait for its verdict. */
        canary: flag.default(true),
        rate_per_minute: whole(1, 100_000).default(600),
        /** It stops by itself after so many failures of one class. */
        stop_after: whole(1, 1_000).default(10),
        /** Start it as soon as it is planned, unless some of it is refused for want of a reason. */
        run: flag.default(false),
      })
      .superRefine((input, context) => {
        const refuse = (path: string, message: string) =>
          context.addIssue({ code: 'custom', path: [path], message });
        if (input.log_ids && input.filter) {
          refuse('filter', 'and log_ids exclude each other; give one of them');
        } else if (!input.log_ids && !input.filter) {
          refuse('log_ids', 'is missing; name logs, or give a filter');
        }
        const fault = input.filter && filterFault(input.filter);
        if (fault) refuse('filter', fault);
      }),
    output: bulkRetryDocument,
  }),
  getBulkRetry: procedure({
    summary: 'One bulk retry: its plan, its progress, and what became of each of its logs',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      bulk_retry_id: bulkRetryId,
      /** Only logs that stand so. */
      state: z
        .enum(BULK_ITEM_STATES, { error: `must be one of ${BULK_ITEM_STATES.join(', ')}` })
        .optional(),
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(500).default(100),
    }),
    output: bulkRetryDocument.extend({
      /** As it was found when it was planned; null while it is PLANNING. */
      plan: planCount
        .extend({
          /** Null: no attempt was ever made. */
          by_certainty: z.array(planCount.extend({ certainty: z.enum(CERTAINTIES).nullable() })),
          by_integration: z.array(planCount.extend({ lab_integration_id: z.int().nullable() })),
          refused_by: z.array(
            z.object({ verdict: z.enum(BULK_VERDICTS), sentence: z.string(), count }),
          ),
          /** Some are refused for want of a reason; plan anew with one to have them sent too. */
          needs_reason: z.boolean(),
        })
        .nullable(),
      /** Those that go first, one of each integration; empty before it is started, or without any. */
      canaries: z.array(
        z.object({
          lab_integration_id: z.int(),
          log_id: z.string(),
          position: z.int(),
          verdict: z.enum(['WAITING', 'GOOD', 'FAILED']),
          failure_class: z.string().nullable(),
        }),
      ),
      /** When the last one is queued at the set rate; null while it stands still, or is over. */
      estimated_end_at: isoTime.nullable(),
      /** What people did to it, the oldest first. */
      acts: z.array(
        z.object({
          at: isoTime,
          actor: z.string(),
          action: z.enum(BULK_RETRY_ACTIONS),
          reason: z.string().nullable(),
        }),
      ),
      items: z.array(
        z.object({
          /** From 1, in the order in which the logs were created. */
          position: z.int(),
          log_id: z.string(),
          lab_integration_id: z.int().nullable(),
          /** When it was planned. */
          certainty_before: z.enum(CERTAINTIES).nullable(),
          state: z.enum(BULK_ITEM_STATES),
          /** Why it is refused or was skipped. */
          verdict: z.enum(BULK_VERDICTS).nullable(),
          sentence: z.string().nullable(),
          /** The attempt that it was queued as. */
          attempt_id: z.string().nullable(),
          /** How that attempt ended. */
          outcome: z
            .object({
              status: z.enum(LOG_STATUSES),
              certainty: z.enum(CERTAINTIES).nullable(),
              error_kind: z.string().nullable(),
              response_status_code: z.int().nullable(),
            })
            .nullable(),
          failure_class: z.string().nullable(),
          queued_at: isoTime.nullable(),
          ended_at: isoTime.nullable(),
        }),
      ),
      next_cursor: z.string().nullable(),
    }),
  }),
  listBulkRetries: procedure({
    summary: 'Bulk retries, newest first, with how far they are',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(100).default(20),
    }),
    output: z.object({ items: z.array(bulkRetryDocument), next_cursor: z.string().nullable() }),
  }),
  controlBulkRetry: procedure({
    summary: 'Starts, pauses, resumes or cancels a bulk retry',
    role: 'operator',
    audit: 'change',
    auditedWords: ['action'],
    input: z
      .strictObject({
        bulk_retry_id: bulkRetryId,
        action: z.enum(BULK_RETRY_ACTIONS, {
          error: `must be one of ${BULK_RETRY_ACTIONS.join(', ')}`,
        }),
        reason: reasonText.optional(),
        /** With `start`: the total that its plan showed; another one is refused. */
        expected_total: whole(0, MAX_BULK_LOGS).optional(),
      })
      .superRefine((input, context) => {
        if (input.expected_total === undefined || input.action === 'start') return;
        const message = 'goes with start only; remove it';
        context.addIssue({ code: 'custom', path: ['expected_total'], message });
      }),
    output: bulkRetryDocument,
  }),
};
