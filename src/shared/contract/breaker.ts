import { z } from 'zod';
import { OPEN_REASONS } from '../model/breaker.ts';
import { id, isoTime } from './common.ts';
import { reasonText } from './configuration/fields.ts';
import { procedure } from './procedure.ts';

export const BREAKER_STATES = ['open', 'closed'] as const;

/** How the circuit breaker of an integration stands. */
export const breakerDocument = z.object({
  lab_integration_id: z.int(),
  /** The integration's. */
  name: z.string(),
  state: z.enum(BREAKER_STATES),
  /** Why it is open: `BY_HAND` lets nothing leave, the others a probe now and then. */
  reason: z.enum(OPEN_REASONS).nullable(),
  since: isoTime.nullable(),
  /** Who opened it by hand, and their words. */
  opened_by: z.string().nullable(),
  note: z.string().nullable(),
  /** Failures in a row; at ten it opens. */
  failures: z.int(),
  /** Null: closed, or opened by hand. */
  next_probe_at: isoTime.nullable(),
  /** Deliveries that wait, ready or scheduled; exact up to 10,000. */
  waiting: z.int(),
});

export const breakerProcedures = {
  listBreakers: procedure({
    summary: 'Lists the integrations whose circuit breaker is open or that have failures in a row',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({}),
    output: z.object({ items: z.array(breakerDocument) }),
  }),
  setBreaker: procedure({
    summary:
      'Opens the circuit breaker of an integration by hand, so that nothing leaves until it is closed, or closes it, whatever has opened it',
    role: 'operator',
    audit: 'change',
    auditedWords: ['state'],
    input: z.strictObject({
      lab_integration_id: id,
      state: z.enum(BREAKER_STATES, { error: 'must be open or closed' }),
      reason: reasonText,
    }),
    output: breakerDocument.extend({
      /** False: it was so already, and stays as it was. */
      changed: z.boolean(),
    }),
  }),
};
