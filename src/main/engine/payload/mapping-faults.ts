import type { JobResult } from './mapping-messages.ts';

type Fault = Extract<JobResult, { ok: false }>;

/** JSONata's own guard rails: stack, time, range, sequence. */
const LIMIT_CODES = new Set(['D1011', 'D1012', 'D2014', 'D2015']);

/** Calling what is no function: wrong whatever the data, since data holds no functions. */
const NO_FUNCTION_CODES = new Set(['T1005', 'T1006', 'T1007', 'T1008']);

/** Messages that the mapping itself composes ($error, $assert); they may quote the input. */
const AUTHOR_CODES = new Set(['D3137', 'D3141']);

interface JsonataError {
  code: string;
  message?: unknown;
  position?: unknown;
  value?: unknown;
  value2?: unknown;
  exp?: unknown;
}

function isJsonataError(error: unknown): error is JsonataError {
  return (
    typeof error === 'object' &&
    error !== null &&
    typeof (error as { code?: unknown }).code === 'string'
  );
}

/** JSONata writes offending values into its messages as JSON; patient data must not travel there. */
function withoutValues(error: JsonataError): string {
  let message = typeof error.message === 'string' ? error.message : 'failed';
  for (const value of [error.value, error.value2, error.exp]) {
    const json = value === undefined ? undefined : JSON.stringify(value);
    if (json) message = message.replaceAll(json, () => '…');
  }
  return message;
}

function at(error: JsonataError): string {
  return typeof error.position === 'number' ? ` (at character ${error.position})` : '';
}

/** A fault of compiling; its message may quote the mapping, which is its reader's own. */
export function syntaxFault(error: unknown): Fault {
  if (error instanceof RangeError) return limitFault();
  const message = isJsonataError(error)
    ? `${typeof error.message === 'string' ? error.message : error.code}${at(error)}`
    : 'it is no JSONata expression';
  return { ok: false, fault: 'SYNTAX', message: `the mapping does not parse: ${message}` };
}

/** A fault of evaluating; its message holds no value of the input. */
export function evaluationFault(error: unknown): Fault {
  // V8's own limits: string length, array length, call stack.
  if (error instanceof RangeError) return limitFault();
  if (!isJsonataError(error)) {
    return { ok: false, fault: 'RUNTIME', message: 'the mapping failed inside JSONata' };
  }
  if (LIMIT_CODES.has(error.code)) return limitFault();
  if (AUTHOR_CODES.has(error.code)) {
    const message = `the mapping raised an error of its own by $error or $assert${at(error)}`;
    return { ok: false, fault: 'RUNTIME', message };
  }
  const message = `${withoutValues(error)}${at(error)}`;
  return NO_FUNCTION_CODES.has(error.code)
    ? { ok: false, fault: 'SYNTAX', message: `the mapping calls no known function: ${message}` }
    : { ok: false, fault: 'RUNTIME', message: `the mapping failed: ${message}` };
}

/** Too much time, memory or depth; JSONata's own limits and ours read alike. */
export function limitFault(
  message = 'the mapping needs too much time, memory or recursion; simplify it',
): Fault {
  return { ok: false, fault: 'LIMIT', message };
}
