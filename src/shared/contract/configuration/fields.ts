import { z } from 'zod';
import type { JsonValue } from '../../model/json.ts';
import { id } from '../common.ts';

/** A whole number within bounds; the refusal names them. */
export function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A line of text for people or programs, without control characters, trimmed. */
export function line(max: number) {
  return z
    .string({ error: `must be text of 1 to ${max} characters` })
    .trim()
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    .regex(/^\P{Cc}*$/u, { error: 'must not hold control characters (line breaks, tabs)' });
}

export const flag = z.boolean({ error: 'must be true or false' });

/**
 * A field that may be left out: a new thing then gets `value`, an existing one keeps what it has.
 * It is no zod default, since that would reset a stored field whenever an update leaves it out;
 * the value only shows in the OpenAPI document, the room fills it in.
 */
export function preset<S extends z.ZodType>(schema: S, value: JsonValue) {
  return schema.optional().meta({ default: value });
}

/** Optimistic lock: the version that the caller has read. */
export const expectedVersion = z
  .int({ error: 'must be the version that you read last' })
  .positive({ error: 'must be the version that you read last' })
  .optional();

/** The owner of a rule or credential: exactly one of the two on creation, fixed from then on. */
export const ownerFields = {
  lab_id: id.nullish(),
  organization_id: id.nullish(),
};

/** Why something is done that cannot be taken back, in a person's words. */
export const reasonText = z
  .string({ error: 'must be text of 3 to 500 characters' })
  .trim()
  .min(3, 'say why in a few words')
  .max(500, 'must have at most 500 characters');

/** No caller brings an address to report to, wherever they try to put it. */
export const noCallbackUrl = z
  .never({ error: "reports go to LabRelay's own handler; remove the field" })
  .optional();

/** An event's data as its route takes it. */
export const checkData = z.record(z.string(), z.json(), { error: 'must be a JSON object' });
