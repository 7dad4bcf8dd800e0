import { fieldError } from './errors.ts';

/** Longest path that is told whole. */
const LONGEST_PATH = 1_000;

/**
 * Refuses halves of characters (surrogates alone, which JSON can escape and UTF-8 cannot write):
 * on their way through store and partner each would become another character.
 *
 * @param text  the body as it came; only one with an escape of such a half is looked through
 * @param body  what was parsed of it
 * @throws LabRelayError `INVALID_INPUT` naming the field
 */
export function checkWholeCharacters(text: string, body: unknown): void {
  if (!text.includes('\\ud') && !text.includes('\\uD')) return;
  // A list of what is still to be looked at: a recursion could be made to exhaust the stack.
  const waiting: { path: string; value: unknown }[] = [{ path: '', value: body }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { path, value } = next;
    if (typeof value === 'string' && !value.isWellFormed()) refuse(path);
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (!key.isWellFormed()) refuse(path);
      waiting.push({ path: path === '' ? key : `${path}.${key}`, value: child });
    }
  }
}

function refuse(path: string): never {
  throw fieldError(
    'INVALID_INPUT',
    path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path,
    'holds half of a character (\\ud800 to \\udfff alone); send both halves, or the character itself',
  );
}
