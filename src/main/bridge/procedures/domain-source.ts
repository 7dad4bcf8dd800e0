import { fieldError } from '../../../shared/errors.ts';
import { testSource } from '../../engine/domain-source/source-test.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Handlers } from '../handler.ts';

/** Handler of the procedure that tries a lab's domain source. */
export function domainSourceHandlers(
  engine: Pick<Engine, 'configuration' | 'transport' | 'authorizeSource'>,
): Handlers<'testDomainSource'> {
  return {
    testDomainSource: async (input) => {
      const lab = engine.configuration.lab(input.lab_id);
      if (!lab) {
        throw fieldError('UNKNOWN_LAB', 'lab_id', 'is not known; listLabs lists those that are');
      }
      const parts = { transport: engine.transport, authorize: engine.authorizeSource };
      const test = await testSource(parts, lab, input.kind, String(input.id));
      return {
        ok: test.ok,
        steps: test.steps.map(({ name, ok, detail, timeMs }) => ({
          name,
          ok,
          detail,
          time_ms: timeMs,
        })),
        response_status_code: test.responseStatusCode,
        fields: test.fields,
      };
    },
  };
}
