import jsonata from 'jsonata';
import { evaluationFault, limitFault, syntaxFault } from './mapping-faults.ts';
import type { JobResult, MappingJob } from './mapping-messages.ts';

/** JSONata's own limits; the engine's kill timer stands behind them for what they cannot stop. */
const LIMITS = { timeout: 500, stack: 200, sequence: 10_000 };

const CACHED_EXPRESSIONS = 200;

/** Largest JSON text that a mapping may produce, in bytes. */
const LARGEST_RESULT = 5 * 1024 * 1024;

/** Compiled expressions, least recently used first: compiling costs as much as evaluating. */
const compiled = new Map<string, jsonata.Expression>();

function compile(mapping: string): jsonata.Expression {
  const known = compiled.get(mapping);
  if (known) compiled.delete(mapping);
  const expression = known ?? jsonata(mapping, LIMITS);
  compiled.set(mapping, expression);
  if (compiled.size > CACHED_EXPRESSIONS) {
    const [oldest] = compiled.keys();
    if (oldest !== undefined) compiled.delete(oldest);
  }
  return expression;
}

/** JSONata keeps its functions as objects that hold their whole environment. */
function isFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { _jsonata_lambda: lambda, _jsonata_function: native } = value as Record<string, unknown>;
  return lambda === true || native === true;
}

function encode(value: unknown): JobResult {
  if (isFunction(value)) {
    return { ok: false, fault: 'RUNTIME', message: 'the mapping produced a function, not a value' };
  }
  if (value === undefined) return { ok: true, json: null };
  // Functions inside a result are left out, as JSON.stringify leaves out JavaScript's.
  const json = JSON.stringify(value, (_key, field: unknown) =>
    isFunction(field) ? undefined : field,
  );
  return Buffer.byteLength(json) > LARGEST_RESULT
    ? limitFault('the mapping produced more than 5 MiB')
    : { ok: true, json };
}

/** Evaluates one job. Faults are results; it never throws. */
export async function runJob(job: MappingJob): Promise<JobResult> {
  let expression: jsonata.Expression;
  try {
    expression = compile(job.mapping);
  } catch (error) {
    return syntaxFault(error);
  }
  try {
    return encode(await expression.evaluate(JSON.parse(job.input), { ...job.bindings }));
  } catch (error) {
    return evaluationFault(error);
  }
}
