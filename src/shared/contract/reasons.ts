import { z } from 'zod';

/** What a type is called when somebody is told that it is wanted. */
const TYPE_NAMES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
  array: 'a list',
  null: 'null',
};

/** `at least 3 characters`, `at most 200`: the amount with what is counted. */
function amount(origin: string, bound: 'least' | 'most', value: number | bigint): string {
  const counted = `at ${bound} ${value}`;
  if (origin === 'string') return `have ${counted} characters`;
  if (origin === 'array' || origin === 'set') return `have ${counted} entries`;
  return `be ${counted}`;
}

/**
 * Says what to do about an input that breaks a schema, where the schema itself says nothing: zod's
 * own words tell what was expected, but not to people.
 */
export function plainReason(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = TYPE_NAMES[issue.expected] ?? issue.expected;
      return issue.input === undefined ? `is missing; give ${wanted}` : `must be ${wanted}`;
    }
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'must not be empty'
        : `must ${amount(issue.origin, 'least', issue.minimum)}`;
    case 'too_big':
      return `must ${amount(issue.origin, 'most', issue.maximum)}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    default:
      return undefined;
  }
}

// Messages of a schema's own still come first.
z.config({ customError: plainReason });
