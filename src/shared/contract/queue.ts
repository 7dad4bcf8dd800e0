import { z } from 'zod';
import { CERTAINTIES, FAILED_TASK_CAUSES } from '../model/vocabulary.ts';
import { id, isoTime } from './common.ts';
import { procedure } from './procedure.ts';

export const failedTaskDocument = z.object({
  failed_task_id: z.int(),
  log_id: z.string(),
  attempt: z.int().nullable(),
  lab_id: z.int(),
  lab_integration_id: z.int().nullable(),
  action_category: z.string(),
  cause: z.enum(FAILED_TASK_CAUSES),
  error_message: z.string(),
  certainty: z.enum(CERTAINTIES).nullable(),
  failed_at: isoTime,
  requeued_at: isoTime.nullable(),
  requeue_reason: z.string().nullable(),
});

export const queueProcedures = {
  listFailedTasks: procedure({
    summary: 'Tasks that died before their handler could report, newest first',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      include_requeued: z.boolean().default(false),
      cursor: z.string().max(40).optional(),
      limit: z.int().min(1).max(200).default(50),
    }),
    output: z.object({
      items: z.array(failedTaskDocument),
      next_cursor: z.string().nullable(),
    }),
  }),
  requeueFailedTask: procedure({
    summary: 'Queues a failed task once more, with its stored bytes under their old key',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      failed_task_id: id,
      /** Needed where the receiver may already hold the message (certainty `UNKNOWN`). */
      reason: z
        .string()
        .trim()
        .min(3, 'say in a few words why it is to be sent again')
        .max(500, 'must have at most 500 characters')
        .optional(),
    }),
    output: z.object({ log_id: z.string() }),
  }),
};
