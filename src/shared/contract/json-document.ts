import { fieldError } from '../errors.ts';

/** How deep a document from outside may nest. Labs' documents stay below ten. */
export const MAX_DEPTH = 64;

interface Fault {
  /** Keys from the fault outwards. */
  path: string[];
  reason: string;
}

/** Keys that a document must not use anywhere, each with the cure. */
export type RefusedKeys = ReadonlyMap<string, string>;

const NOWHERE = 'is a key that documents may not use; remove or rename it';

function findFault(value: unknown, depth: number, refused: RefusedKeys): Fault | null {
  if (typeof value !== 'object' || value === null) return null;
  if (depth > MAX_DEPTH) {
    return {
      path: [],
      reason: `is nested deeper than ${MAX_DEPTH} levels; send a flatter document`,
    };
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], depth + 1, refused);
      if (fault) return { ...fault, path: [...fault.path, String(index)] };
    }
    return null;
  }
  for (const [key, child] of Object.entries(value)) {
    const reason = key === '__proto__' ? NOWHERE : refused.get(key);
    const fault = reason ? { path: [], reason } : findFault(child, depth + 1, refused);
    if (fault) return { ...fault, path: [...fault.path, key] };
  }
  return null;
}

/**
 * Refuses what later steps must not meet: documents so deep that recursing over them could exhaust
 * the stack, and `__proto__` keys, which copying would turn into a prototype; and the keys that the
 * caller refuses. Run before any schema, since those copy.
 * @throws LabRelayError `INVALID_INPUT` naming the field.
 */
export function checkDocument(document: unknown, refused: RefusedKeys = new Map()): void {
  const fault = findFault(document, 1, refused);
  if (!fault) return;
  const keys = fault.path.toReversed();
  // Of 64 levels the beginning tells where to look; a key must be found.
  const isTooDeep = keys.length >= MAX_DEPTH;
  const field = isTooDeep ? `${keys.slice(0, 8).join('.')}…` : keys.join('.');
  throw fieldError('INVALID_INPUT', field, fault.reason);
}
