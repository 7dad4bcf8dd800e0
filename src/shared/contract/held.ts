import { z } from 'zod';
import { CERTAINTIES, HELD_REASONS } from '../model/vocabulary.ts';
import { givenTime, id, isoTime } from './common.ts';
import { flag, reasonText } from './configuration/fields.ts';
import { procedure } from './procedure.ts';

/** What may become of what waits: sent as stored, built anew, or not sent. */
export const WAITING_CHOICES = ['release', 'rebuild', 'drop'] as const;

export const waitingChoice = z.enum(WAITING_CHOICES, {
  error: `must be one of ${WAITING_CHOICES.join(', ')}`,
});

/** Everything given must hold. */
const filter = {
  lab_integration_id: id.optional(),
  held_reason: z
    .enum(HELD_REASONS, { error: `must be one of ${HELD_REASONS.join(', ')}` })
    .optional(),
  /** `UNKNOWN`: the partner may have it; `NONE`: no attempt was ever made. */
  certainty: z
    .enum([...CERTAINTIES, 'NONE'], { error: `must be one of ${CERTAINTIES.join(', ')}, NONE` })
    .optional(),
  /** When the log was created. */
  from: givenTime.optional(),
  to: givenTime.optional(),
};

export const heldProcedures = {
  previewHeld: procedure({
    summary: 'Counts what releaseHeld would let go, by integration, reason and certainty',
    role: 'operator',
    audit: 'none',
    input: z.strictObject(filter),
    output: z.object({
      count: z.int(),
      oldest_at: isoTime.nullable(),
      groups: z.array(
        z.object({
          lab_integration_id: z.int(),
          held_reason: z.enum(HELD_REASONS).nullable(),
          certainty: z.enum(CERTAINTIES).nullable(),
          count: z.int(),
          oldest_at: isoTime,
        }),
      ),
    }),
  }),
  releaseHeld: procedure({
    summary:
      'Sends, builds anew or drops held deliveries by filter; those of disabled integrations stay unless they are dropped',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      ...filter,
      action: waitingChoice,
      /** Needed where some of them come from a restored backup. */
      reason: reasonText.optional(),
      /** Needed likewise: the partner may have got them after the backup was made. */
      accept_duplicates: flag.default(false),
    }),
    output: z.object({
      released: z.int(),
      rebuilt: z.int(),
      dropped: z.int(),
      /** Whose body could not be built anew. */
      failed: z.int(),
      /** Those that stayed, since their integration is disabled. */
      disabled: z.int(),
    }),
  }),
};
