import type { MappingResult } from './evaluator.ts';

/** A delivery's ordering key; null: it has none. */
export type BuiltKey =
  | { ok: true; key: string | null }
  /** For the rule's author; holds no value of the input. */
  | { ok: false; message: string };

/** As long as a key may be that an event brings itself. */
const LONGEST_KEY = 100;

/** What a rule's expression made, as an ordering key. */
export function keyFrom(result: MappingResult): BuiltKey {
  if (!result.ok) {
    // The evaluator speaks of mappings; an ordering key is evaluated as one.
    const message = result.message.replace(/^the mapping(?! process)/, 'the ordering key');
    return { ok: false, message };
  }
  const { value } = result;
  if (value === undefined || value === null || value === '') return { ok: true, key: null };
  if (typeof value === 'object') {
    const message =
      'the ordering key must be text or a number; the expression produced a list or an object';
    return { ok: false, message };
  }
  const key = String(value);
  return key.length > LONGEST_KEY
    ? { ok: false, message: `the ordering key must have at most ${LONGEST_KEY} characters` }
    : { ok: true, key };
}
