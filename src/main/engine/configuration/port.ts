import type {
  AccessKey,
  ActionCategory,
  ConfigurationSnapshot,
  ConfigurationWrite,
  DeveloperAuthentication,
  IntegrationSettings,
  IntegrationVersion,
  Lab,
  LabIntegration,
  Organization,
  Settings,
} from '../../../shared/model/configuration.ts';
import type { HeldAction, HeldFilter, HeldGroup } from '../../../shared/model/held.ts';

/** What the configuration room needs of the store, as whole commands. */
export interface ConfigurationPort {
  loadConfiguration(): Promise<ConfigurationSnapshot>;
  saveOrganization(organization: Organization): Promise<ConfigurationWrite<Organization>>;
  saveLab(lab: Lab): Promise<ConfigurationWrite<Lab>>;
  /** Without an id a new category is made; a built-in one keeps its code. */
  saveActionCategory(
    category: Omit<ActionCategory, 'actionCategoryListId' | 'isBuiltIn'> & {
      actionCategoryListId: number | null;
    },
  ): Promise<ConfigurationWrite<ActionCategory>>;
  saveDeveloperAuthentication(command: {
    developerAuthenticationId: number | null;
    expectedVersion: number | null;
    values: Omit<DeveloperAuthentication, 'developerAuthenticationId' | 'version' | 'updatedAt'>;
    now: number;
  }): Promise<ConfigurationWrite<DeveloperAuthentication>>;
  /**
   * Writes the rule and its new version in one transaction; where that switches it off or on, also
   * what is to become of what waits.
   */
  saveLabIntegration(command: {
    labIntegrationId: number | null;
    expectedVersion: number | null;
    settings: IntegrationSettings;
    changedBy: string;
    /** What is to become of what was held, where this enables the rule. */
    waiting?: HeldAction | null;
    /** Why, where that was told. */
    reason?: string | null;
    now: number;
  }): Promise<ConfigurationWrite<LabIntegration>>;
  /** A rule's versions below `before`, newest first. */
  integrationVersions(request: {
    labIntegrationId: number;
    before: number;
    limit: number;
  }): Promise<IntegrationVersion[]>;
  countHeldTasks(filter: HeldFilter): Promise<HeldGroup[]>;
  saveAccessKey(key: Omit<AccessKey, 'accessKeyId' | 'revokedAt'>): Promise<AccessKey>;
  revokeAccessKey(command: {
    accessKeyId: number;
    now: number;
  }): Promise<ConfigurationWrite<AccessKey>>;
  saveSettings(settings: Settings): Promise<void>;
}
