import { z } from 'zod';
import './reasons.ts';
import { type FieldError, LabRelayError } from '../errors.ts';

/** Times in JSON: ISO 8601 UTC with milliseconds. */
export const isoTime = z.iso.datetime({ precision: 3 });

/** A time as a caller may give it: ISO 8601 with `Z` or an offset. */
export const givenTime = z.iso.datetime({
  offset: true,
  error: 'must be an ISO 8601 time with its zone, e.g. 2026-11-23T08:30:00Z',
});

/** Numeric ids that LabRelay or the lab system assigns. */
export const id = z.int().positive();

/** Epoch milliseconds as JSON time. */
export function toIso(time: number): string;
export function toIso(time: number | null): string | null;
export function toIso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** Turns zod's issues into the problem document's list: dotted field, cure in words. */
export function fieldErrors(error: z.core.$ZodError, prefix = ''): FieldError[] {
  return error.issues.flatMap((issue) => {
    const at = (keys: PropertyKey[]) => [prefix, ...keys.map(String)].filter(Boolean).join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        field: at([...issue.path, key]),
        reason: 'is not a field of this call; remove it',
      }));
    }
    return [{ field: at(issue.path), reason: issue.message }];
  });
}

/**
 * Validates input from outside.
 * @throws LabRelayError `INVALID_INPUT` naming every field at fault.
 */
export function parseInput<S extends z.ZodType>(
  schema: S,
  input: unknown,
  prefix = '',
): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error, prefix);
  const first = errors[0];
  throw new LabRelayError(
    'INVALID_INPUT',
    first ? `${first.field || 'body'}: ${first.reason}` : 'The input is not valid.',
    errors,
  );
}
