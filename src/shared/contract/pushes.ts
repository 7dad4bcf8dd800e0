import { z } from 'zod';
import { CERTAINTIES, HELD_REASONS, LOG_STATUSES, RETRY_STATES } from '../model/vocabulary.ts';
import { isoTime } from './common.ts';

/**
 * Every push of the console, once: bound to HTTP (`GET /api/v1/stream`) and to IPC alike. A push tells
 * what to read anew, and holds nothing of patients. Pushes are coalesced: what has changed five times
 * is told once, as it stands then.
 */
export const pushes = {
  /** How a delivery stands now, attempts and retries included. */
  UpdateRetryIntegrationStatus: z.object({
    log_id: z.string(),
    status: z.enum(LOG_STATUSES),
    certainty: z.enum(CERTAINTIES).nullable(),
    retry_state: z.enum(RETRY_STATES),
    retry_count: z.int(),
    next_retry_at: isoTime.nullable(),
    /** The number of its newest attempt; 0: none was made. */
    attempt: z.int(),
    held_reason: z.enum(HELD_REASONS).nullable(),
    updated_at: isoTime,
  }),
  /** Logs that are new or have changed, calls into the lab included. */
  LogsChanged: z.object({
    log_ids: z.array(z.string()),
    /** There are others, which are not named: whatever is shown is to be read anew. */
    many: z.boolean(),
  }),
  BreakerChanged: z.object({ lab_integration_id: z.int() }),
  BulkRetryProgress: z.object({ bulk_retry_id: z.string() }),
  HealthChanged: z.object({}),
  /** What was missed is not known any more: whatever is shown is to be read anew. */
  Reset: z.object({
    /** `RESTARTED`: LabRelay has been started since. `GAP`: too much has happened, or too long ago. */
    reason: z.enum(['RESTARTED', 'GAP']),
  }),
};

export type PushName = keyof typeof pushes;

/** One push, with its name. */
export type Push = {
  [N in PushName]: { event: N; data: z.output<(typeof pushes)[N]> };
}[PushName];
