import type { configurationProcedures } from '../../../shared/contract/configuration.ts';
import type {
  DeveloperAuthentication,
  LabIntegration,
} from '../../../shared/model/configuration.ts';
import type { Configuration } from '../../engine/configuration/configuration.ts';
import type { Handlers } from '../handler.ts';
import { heldAction } from './held.ts';
import {
  authenticationChange,
  domainSourceOf,
  integrationChange,
} from './configuration-changes.ts';
import {
  accessKeyDocument,
  actionCategoryDocument,
  developerAuthenticationDocument,
  labDocument,
  labIntegrationDocument,
  organizationDocument,
  pauseDocument,
  settingsDocument,
} from './configuration-documents.ts';

type ConfigurationProcedure = Exclude<
  keyof typeof configurationProcedures,
  | 'testIntegration'
  | 'previewPayload'
  | 'testDomainSource'
  | 'listIntegrationVersions'
  | 'rollbackIntegration'
>;

/** The configuration procedures, translated to the room's calls and back. */
export function configurationHandlers(
  configuration: Configuration,
): Handlers<ConfigurationProcedure> {
  const authenticationDocument = (row: DeveloperAuthentication) =>
    developerAuthenticationDocument(row, configuration.authenticationFacts(row));
  const integrationDocument = (rule: LabIntegration) =>
    labIntegrationDocument(
      rule,
      configuration.actionCategoryById(rule.actionCategoryListId)?.code ?? '',
    );

  return {
    listLabs: async (input) => ({
      items: configuration.lists.labs({ organizationId: input.organization_id }).map(labDocument),
    }),
    addUpdateLab: async (input) =>
      labDocument(
        await configuration.saveLab({
          labId: input.lab_id,
          name: input.name,
          organizationId: input.organization_id,
          timeZone: input.time_zone,
          isActive: input.is_active,
          domainSource: domainSourceOf(input.domain_source),
        }),
      ),
    listOrganizations: async () => ({
      items: configuration.lists.organizations().map(organizationDocument),
    }),
    addUpdateOrganization: async (input) =>
      organizationDocument(
        await configuration.saveOrganization({
          organizationId: input.organization_id,
          name: input.name,
        }),
      ),
    getActionCategoryList: async (input) => ({
      items: configuration.lists
        .actionCategories({ isActive: input.is_active })
        .map(actionCategoryDocument),
    }),
    addUpdateActionCategory: async (input) =>
      actionCategoryDocument(
        await configuration.saveActionCategory({
          actionCategoryListId: input.action_category_list_id,
          code: input.code,
          name: input.name,
          isActive: input.is_active,
        }),
      ),
    getDeveloperAuthentication: async (input) => ({
      items: configuration.lists
        .authentications({
          developerAuthenticationId: input.developer_authentication_id,
          labId: input.lab_id,
          organizationId: input.organization_id,
        })
        .map(authenticationDocument),
    }),
    addUpdateDeveloperAuthentication: async (input) =>
      authenticationDocument(
        await configuration.saveDeveloperAuthentication(authenticationChange(input)),
      ),
    listLabIntegrations: async (input) => ({
      items: configuration.lists
        .integrations({
          developerAuthenticationId: input.developer_authentication_id,
          labId: input.lab_id,
          organizationId: input.organization_id,
          actionCategoryListId: input.action_category_list_id,
          isActive: input.is_active,
        })
        .map(integrationDocument),
    }),
    addUpdateWebhookIntegration: async (input, caller) => {
      const change = integrationChange(input);
      const { integration, notices } = await configuration.saveLabIntegration(change, caller.name);
      return { ...integrationDocument(integration), notices };
    },
    setIntegrationEnabled: async (input, caller) => {
      const change = {
        labIntegrationId: input.lab_integration_id,
        isActive: input.is_active,
        expectedVersion: input.expected_version,
        waiting: input.waiting && heldAction(input.waiting),
      };
      const { integration, notices } = await configuration.saveLabIntegration(change, caller.name);
      return { ...integrationDocument(integration), notices };
    },
    createAccessKey: async (input) => {
      const { accessKey, key } = await configuration.createAccessKey({
        kind: input.kind,
        name: input.name,
        labIds: input.lab_ids,
        routes: input.routes,
        role: input.role,
      });
      return { ...accessKeyDocument(accessKey), key };
    },
    listAccessKeys: async (input) => ({
      items: configuration.lists
        .accessKeys({ includeRevoked: input.include_revoked })
        .map(accessKeyDocument),
    }),
    revokeAccessKey: async (input) =>
      accessKeyDocument(await configuration.revokeAccessKey(input.access_key_id)),
    getSettings: async () => settingsDocument(configuration.settings),
    updateSettings: async (input) =>
      settingsDocument(
        await configuration.saveSettings({
          callbackTransport: input.callback_transport,
          maxConcurrency: input.max_concurrency,
          eventRateLimit: input.event_rate_limit,
          callbackRateLimit: input.callback_rate_limit,
          consoleRateLimit: input.console_rate_limit,
          backupSchedule: input.backup_schedule,
          backupKeep: input.backup_keep,
          backupFolder: input.backup_folder,
          sessionHours: input.session_hours,
          sessionIdleMinutes: input.session_idle_minutes,
          legacyCallbacksEnabled: input.legacy_callbacks_enabled,
        }),
      ),
    setDeliveryPaused: async (input, caller) => ({
      delivery_paused: pauseDocument(
        await configuration.setDeliveryPaused(input.paused, caller.name, input.reason ?? null),
      ),
    }),
  };
}
