import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseInput } from '../../../src/shared/contract/common.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';

const schema = z.object({
  name: z.string().min(1).max(5),
  age: z.int().min(1).max(150),
  list: z.array(z.string()).min(2).max(3),
  role: z.enum(['viewer', 'admin']),
  own: z.string('say it your own way'),
});
const GOOD = { name: 'Asha', age: 40, list: ['a', 'b'], role: 'admin', own: 'x' };

function reasons(change: object): string[] {
  try {
    parseInput(schema, { ...GOOD, ...change });
  } catch (error) {
    if (error instanceof LabRelayError)
      return error.errors.map((one) => `${one.field} ${one.reason}`);
  }
  return [];
}

test.each([
  [{ name: undefined }, 'name is missing; give text'],
  [{ name: 7 }, 'name must be text'],
  [{ name: '' }, 'name must not be empty'],
  [{ name: 'longer' }, 'name must have at most 5 characters'],
  [{ age: 0 }, 'age must be at least 1'],
  [{ age: 151 }, 'age must be at most 150'],
  [{ age: 1.5 }, 'age must be a whole number'],
  [{ list: ['a'] }, 'list must have at least 2 entries'],
  [{ list: 7 }, 'list must be a list'],
  [{ role: 'boss' }, 'role must be one of viewer, admin'],
  [{ own: 1 }, 'own say it your own way'],
])('%j is refused in plain words', (change, reason) => {
  expect(reasons(change)).toEqual([reason]);
});
