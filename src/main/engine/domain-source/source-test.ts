import type { Lab } from '../../../shared/model/configuration.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import { type AuthorizeSource, readFromSource } from './source-reader.ts';
import type { Transport } from '../dispatch/transport.ts';

/** One step of a test. */
export interface SourceTestStep {
  name: 'configuration' | 'credentials' | 'request' | 'object';
  ok: boolean;
  /** What was found, or what to mend; never a secret, never a value of the object. */
  detail: string;
  timeMs: number;
}

/** What a test found; it ends at the first step that fails. */
export interface SourceTest {
  ok: boolean;
  steps: SourceTestStep[];
  responseStatusCode: number | null;
  /** Names of the object's own fields. */
  fields: string[];
}

/** The steps of one call, in order. */
const STEPS = ['credentials', 'request', 'object'] as const;

const PASSED: Record<(typeof STEPS)[number], string> = {
  credentials: 'The credentials can be used.',
  request: 'The lab system answered.',
  object: 'The object can be used.',
};

/** Reads one object from a lab's source, past the cache, and keeps nothing of it. */
export async function testSource(
  parts: { transport: Transport; authorize: AuthorizeSource },
  lab: Lab,
  kind: DomainKind,
  id: string,
): Promise<SourceTest> {
  const configured = (detail: string, ok: boolean): SourceTestStep => ({
    name: 'configuration',
    ok,
    detail,
    timeMs: 0,
  });
  const source = lab.domainSource;
  const fault = !source
    ? 'The lab has no domain source; add one with addUpdateLab.'
    : source.objects[kind]
      ? null
      : `The domain source names no path for objects of kind ${kind}.`;
  if (!source || fault !== null) {
    const steps = [configured(fault ?? '', false)];
    return { ok: false, steps, responseStatusCode: null, fields: [] };
  }
  const switchedOff = source.isActive ? '' : ' It is switched off: only this test asks it.';
  const steps = [configured(`Objects of kind ${kind} can be asked for.${switchedOff}`, true)];

  const started = performance.now();
  const answer = await readFromSource(parts, source, lab.labId, kind, id);
  const timeMs = Math.round(performance.now() - started);
  const failedAt = answer.outcome === 'FAILED' ? answer.step : 'object';
  for (const name of STEPS.slice(0, STEPS.indexOf(failedAt))) {
    steps.push({ name, ok: true, detail: PASSED[name], timeMs: name === 'request' ? timeMs : 0 });
  }
  const last = (ok: boolean, detail: string) =>
    steps.push({ name: failedAt, ok, detail, timeMs: failedAt === 'request' ? timeMs : 0 });
  switch (answer.outcome) {
    case 'FOUND':
      last(true, PASSED.object);
      break;
    case 'MISSING':
      last(false, `The lab system knows no such ${kind} (${answer.statusCode}).`);
      break;
    case 'FAILED':
      last(false, answer.message);
      break;
  }
  const isFound = answer.outcome === 'FOUND';
  return {
    ok: isFound,
    steps,
    responseStatusCode: answer.statusCode,
    fields: isFound ? Object.keys(answer.document).sort() : [],
  };
}
