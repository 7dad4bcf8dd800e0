import { z } from 'zod';
import { procedure } from './procedure.ts';

export const orderingProcedures = {
  releaseOrderingKey: procedure({
    summary:
      'Lets the deliveries go that wait behind a refused or doubtful one of their ordering key',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      /** The log of the head, or of any delivery that waits for it. */
      log_id: z.string().min(1).max(100),
      reason: z
        .string()
        .trim()
        .min(3, 'say in a few words why the others need not wait any longer')
        .max(500, 'must have at most 500 characters'),
    }),
    output: z.object({
      /** The head's. */
      log_id: z.string(),
      /** How many waited for it; exact up to 1,000. */
      waiting: z.int(),
    }),
  }),
};
