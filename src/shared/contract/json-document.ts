import { fieldError } from '../errors.ts';

/** How deep a document from outside may nest. Labs' documents stay below ten. */
export const MAX_DEPTH = 64;

interface Fault {
  /** Keys from the fault outwards. */
  path: string[];
  reason: string;
}

function findFault(value: unknown, depth: number): Fault | null {
  if (typeof value !== 'object' || value === null) return null;
  if (depth > MAX_DEPTH) {
    return {
      path: [],
      reason: `is nested deeper than ${MAX_DEPTH} levels; send a flatter document`,
    };
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], depth + 1);
      if (fault) return { ...fault, path: [...fault.path, String(index)] };
    }
    return null;
  }
  for (const [key, child] of Object.entries(value)) {
    const fault =
      key === '__proto__'
        ? { path: [], reason: 'is a key that documents may not use; remove or rename it' }
        : findFault(child, depth + 1);
    if (fault) return { ...fault, path: [...fault.path, key] };
  }
  return null;
}

/**
 * Refuses what later steps must not meet: documents so deep that recursing over them could exhaust
 * the stack, and `__proto__` keys, which copying would turn into a prototype. Run before any
 * schema, since those copy.
 * @throws LabRelayError `INVALID_INPUT` naming the field.
 */
export function checkDocument(document: unknown): void {
  const fault = findFault(document, 1);
  if (!fault) return;
  // A path of 64 keys helps nobody; its beginning tells where to look.
  const keys = fault.path.toReversed();
  const field = keys.length > 8 ? `${keys.slice(0, 8).join('.')}…` : keys.join('.');
  throw fieldError('INVALID_INPUT', field, fault.reason);
}
