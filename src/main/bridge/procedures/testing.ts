import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { ActionCategory } from '../../../shared/model/configuration.ts';
import { testConnection } from '../../engine/dispatch/connection-test.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the procedures that try a rule without making a delivery. */
export function testingHandlers(
  engine: Pick<Engine, 'configuration' | 'payloads' | 'transport' | 'credentials' | 'targets'>,
  clock: () => number,
): Handlers<'testIntegration' | 'previewPayload'> {
  const { configuration, payloads, transport, credentials, targets } = engine;

  const category = (id: number): ActionCategory => {
    const found = configuration.actionCategoryById(id);
    if (found) return found;
    throw fieldError(
      'UNKNOWN_ACTION_CATEGORY',
      'action_category_list_id',
      'is not known; getActionCategoryList lists those that are',
    );
  };

  return {
    testIntegration: async (input) => {
      const rule = configuration.integration(input.lab_integration_id);
      if (!rule) {
        throw new LabRelayError('NOT_FOUND', 'There is no integration with this id.', [
          { field: 'lab_integration_id', reason: 'is not known; listLabIntegrations lists them' },
        ]);
      }
      const preview = () =>
        payloads.preview({
          actionCategory: category(rule.actionCategoryListId).code,
          labId: rule.labId ?? 0,
          mapping: rule.mapping,
          headers: rule.headers,
          data: input.data ?? null,
        });
      const result = await testConnection(
        { configuration, transport, credentials, targets, clock },
        rule.labIntegrationId,
        input.send ? preview : null,
      );
      return {
        ok: result.ok,
        steps: result.steps.map(({ name, ok, detail, timeMs }) => ({
          name,
          ok,
          detail,
          time_ms: timeMs,
        })),
        response_status_code: result.responseStatusCode,
      };
    },

    previewPayload: async (input) => {
      if (!configuration.lab(input.lab_id)) {
        throw fieldError('UNKNOWN_LAB', 'lab_id', 'is not known; listLabs lists those that are');
      }
      const { body, contentType } = await payloads.preview({
        actionCategory: category(input.action_category_list_id).code,
        labId: input.lab_id,
        mapping: input.mapping ?? null,
        data: input.data ?? null,
      });
      return { body, content_type: contentType };
    },
  };
}
