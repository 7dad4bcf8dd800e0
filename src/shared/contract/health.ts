import { z } from 'zod';
import { isoTime } from './common.ts';
import { procedure } from './procedure.ts';

/** What the console shows above everything, for as long as it holds. */
export const BANNERS = ['INSECURE_HTTP', 'STORE_REFUSES', 'DELIVERY_PAUSED'] as const;

export const healthDocument = z.object({
  /** `ok`: takes events and delivers. `degraded`: see the checks. */
  status: z.enum(['ok', 'degraded']),
  version: z.string(),
  started_at: isoTime,
  uptime_s: z.number(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  banners: z.array(z.object({ kind: z.enum(BANNERS), text: z.string() })),
});

export const healthProcedures = {
  getHealth: procedure({
    summary: 'Health with the figures of queue and directory',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({}),
    output: healthDocument.extend({
      /** Deliveries. */
      logs_by_status: z.record(z.string(), z.int()),
      /** Calls into the lab. */
      inbound_by_status: z.record(z.string(), z.int()),
      tasks_by_state: z.record(z.string(), z.int()),
      failed_tasks: z.int(),
      /** Retries that are to come, and deliveries that are not tried again by themselves any more. */
      retries: z.object({
        scheduled: z.int(),
        exhausted: z.int(),
        next_at: isoTime.nullable(),
      }),
      oldest_task_at: isoTime.nullable(),
      in_flight: z.int(),
      store_bytes: z.int(),
      schema_version: z.int(),
      /** When these were counted; counts are kept for a second. */
      figures_at: isoTime.nullable(),
    }),
  }),
};
