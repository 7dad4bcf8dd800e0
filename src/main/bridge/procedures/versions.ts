import { toIso } from '../../../shared/contract/common.ts';
import type { IntegrationSettings } from '../../../shared/model/configuration.ts';
import type { Configuration } from '../../engine/configuration/configuration.ts';
import { numberOfCursor } from '../cursor.ts';
import type { Handlers } from '../handler.ts';
import { integrationSettingsDocument, labIntegrationDocument } from './configuration-documents.ts';
import { differences } from './differences.ts';

/** Handlers of the procedures about a rule's versions. */
export function versionHandlers(
  configuration: Configuration,
): Handlers<'listIntegrationVersions' | 'rollbackIntegration'> {
  const category = (id: number) => configuration.actionCategoryById(id)?.code ?? '';
  const document = (settings: IntegrationSettings) =>
    integrationSettingsDocument(settings, category(settings.actionCategoryListId));

  return {
    listIntegrationVersions: async (input) => {
      const { limit } = input;
      const versions = await configuration.integrationVersions(
        input.lab_integration_id,
        input.cursor === undefined ? null : numberOfCursor(input.cursor),
        limit,
      );
      const last = versions.at(-1);
      return {
        items: versions.map(({ version, changedBy, changedAt, reason, settings, former }) => ({
          version,
          changed_by: changedBy,
          changed_at: toIso(changedAt),
          reason,
          settings: document(settings),
          differences: former === null ? [] : differences(document(former), document(settings)),
        })),
        next_cursor: last?.former ? String(last.version) : null,
      };
    },
    rollbackIntegration: async (input, caller) => {
      const { integration, notices } = await configuration.rollbackIntegration(
        {
          labIntegrationId: input.lab_integration_id,
          version: input.version,
          expectedVersion: input.expected_version,
          reason: input.reason ?? null,
          checkData: input.check_data,
        },
        caller.name,
      );
      const { actionCategoryListId } = integration;
      return { ...labIntegrationDocument(integration, category(actionCategoryListId)), notices };
    },
  };
}
