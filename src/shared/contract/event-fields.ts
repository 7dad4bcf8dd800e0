import { z } from 'zod';
import { OBJECT_KINDS } from '../model/vocabulary.ts';
import { objectId } from './domain-objects.ts';

/** Fields that single events and batches have in common. */
export const labId = z
  .int({ error: "must be the lab's number" })
  .positive({ error: "must be the lab's number" });

export const categoryCode = z
  .string({ error: 'must be the code of an action category, e.g. BILL_GENERATED' })
  .min(1, 'must not be empty')
  .max(100);

export const shortText = (words: string) =>
  z
    .string({ error: words })
    .min(1, 'must not be empty')
    .max(100, 'must have at most 100 characters')
    .regex(/^\P{Cc}*$/u, 'must not hold control characters (NUL, line breaks, tabs)');

/** An object that a caller's event is about without carrying it. */
export const givenReference = z.strictObject({
  kind: z.enum(OBJECT_KINDS).exclude(['event'], {
    error: 'must be patient, bill, sample, report or appointment',
  }),
  id: objectId,
});
