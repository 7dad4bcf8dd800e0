import { z } from 'zod';
import { MAX_RECORDS } from '../model/batch.ts';
import { PRIORITIES } from '../model/vocabulary.ts';
import { givenTime } from './common.ts';
import { reportObject } from './domain-objects.ts';
import { categoryCode, givenReference, labId, shortText } from './event-fields.ts';

/** What is common to the records of a batch, beside the records themselves. */
const envelope = {
  lab_id: labId,
  /** May be left out where all records are ready tasks: their rules have one. */
  action_category: categoryCode.optional(),
  priority: z.enum(PRIORITIES, { error: 'must be STAT or ROUTINE' }).optional(),
  deliver_by: givenTime.optional(),
};

/** The envelope of a batch; its records come apart from it, as a stream. */
export const bulkEnvelope = z.strictObject(envelope);

const rule = z
  .int({ error: "must be the number of one of the lab's integrations" })
  .positive({ error: "must be the number of one of the lab's integrations" });

/** What a ready task may say of itself; the rest of it is kept as its caller's own words. */
export const taskPayload = z.looseObject({
  event_id: shortText('must be text').optional(),
  references: z.array(givenReference).max(50).optional(),
  ordering_key: shortText('must be text').optional(),
  priority: z.enum(PRIORITIES, { error: 'must be STAT or ROUTINE' }).optional(),
  deliver_by: givenTime.optional(),
});

/** A task whose body is ready: where it goes, and how, is the rule's. */
export const readyTask = z.strictObject({
  lab_integration_id: rule,
  /** Sent as it is: text stays text, anything else is written as JSON. */
  body: z.union([z.string().min(1), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
    error: 'must be the body to send: text, an object or a list',
  }),
  integration_payload: taskPayload.optional(),
  args: z
    .looseObject({
      integration_payload: taskPayload.optional(),
      payload: z.looseObject({ integration_payload: taskPayload.optional() }).optional(),
    })
    .optional(),
});

const answer = z.object({
  batch_id: z.string(),
  /** Records that have become events. */
  accepted: z.int(),
  /** In the order of the records. */
  log_ids: z.array(z.string()),
  /** Records that were not taken, by their place in the list (from 0). */
  rejected: z.array(z.object({ index: z.int(), field: z.string(), reason: z.string() })),
});

/** Many events, or ready tasks, in one call: for the description of the API. */
export const bulkRoute = {
  summary: `Up to ${MAX_RECORDS.toLocaleString('en')} records or ready tasks in one call; above 100 an Idempotency-Key is needed`,
  body: z.strictObject({
    ...envelope,
    records: z
      .array(z.union([readyTask, z.record(z.string(), z.unknown())]))
      .min(1)
      .max(MAX_RECORDS),
  }),
  answer,
};

/** Many reports in one call. */
export const consolidatedReports = z.strictObject({
  ...envelope,
  reports: z.array(reportObject).min(1).max(MAX_RECORDS),
});
