import { z } from 'zod';
import { BATCH_STATES } from '../model/batch.ts';
import { id, isoTime } from './common.ts';
import { reasonText } from './configuration/fields.ts';
import { procedure } from './procedure.ts';

/** Rejected records that one document names. */
export const REJECTIONS_SHOWN = 1_000;

const count = z.int().min(0);

const batchSummary = z.object({
  batch_id: z.string(),
  /** `RECEIVING` until all of it is on disk; `DONE` once nothing of it is to be sent any more. */
  state: z.enum(BATCH_STATES),
  route: z.string(),
  /** Null while it arrives, and so is the category; that is null for good where rules told it. */
  lab_id: z.int().nullable(),
  action_category: z.string().nullable(),
  triggered_by: z.string().nullable(),
  records: count,
  accepted: count,
  rejected: count,
  /** Of its deliveries. What was suppressed has not failed. */
  progress: z.object({
    /** Still to be sent, also what waits, is held or is tried again. */
    queued: count,
    sent: count,
    failed: count,
    suppressed: count,
    cancelled: count,
    done: z.boolean(),
  }),
  received_at: isoTime,
  /** When its deliveries were released. */
  opened_at: isoTime.nullable(),
  cancelled_at: isoTime.nullable(),
  cancelled_by: z.string().nullable(),
  cancel_reason: z.string().nullable(),
});

const batchId = z
  .string({ error: 'must be a batch_id as listBatches shows it' })
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters');

export const batchProcedures = {
  listBatches: procedure({
    summary: 'Batches, newest first, with how far their deliveries are',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      lab_id: id.optional(),
      state: z
        .enum(BATCH_STATES, { error: `must be one of ${BATCH_STATES.join(', ')}` })
        .optional(),
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(100).default(20),
    }),
    output: z.object({ items: z.array(batchSummary), next_cursor: z.string().nullable() }),
  }),
  getBatch: procedure({
    summary: 'One batch with its progress and the records that were not taken',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({ batch_id: batchId }),
    output: batchSummary.extend({
      /** The first thousand, by their place in the call (from 0). */
      rejections: z.array(z.object({ index: z.int(), field: z.string(), reason: z.string() })),
    }),
  }),
  cancelBatch: procedure({
    summary: 'Takes out of the queue what has not been sent of a batch; repeats change nothing',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({ batch_id: batchId, reason: reasonText }),
    output: batchSummary,
  }),
};
