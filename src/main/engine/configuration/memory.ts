import type {
  AccessKey,
  ActionCategory,
  ConfigurationSnapshot,
  DeveloperAuthentication,
  Lab,
  LabIntegration,
  Organization,
  Settings,
} from '../../../shared/model/configuration.ts';
import { indexRules, matchRules, type RuleIndex } from './matching.ts';

/** The committed configuration in memory. It holds what the store has answered, nothing else. */
export class ConfigurationMemory {
  readonly organizations: Map<number, Organization>;
  readonly labs: Map<number, Lab>;
  readonly categories: Map<number, ActionCategory>;
  readonly authentications: Map<number, DeveloperAuthentication>;
  readonly integrations: Map<number, LabIntegration>;
  readonly accessKeys: Map<number, AccessKey>;
  settings: Settings;

  private readonly categoriesByCode: Map<string, ActionCategory>;
  private readonly accessKeysByHash: Map<string, AccessKey>;
  /** Null after a change: laid out again when next asked, so that a run of changes costs one layout. */
  private rules: RuleIndex | null = null;

  constructor(snapshot: ConfigurationSnapshot) {
    this.organizations = byId(snapshot.organizations, (one) => one.organizationId);
    this.labs = byId(snapshot.labs, (one) => one.labId);
    this.categories = byId(snapshot.actionCategories, (one) => one.actionCategoryListId);
    this.authentications = byId(
      snapshot.developerAuthentications,
      (one) => one.developerAuthenticationId,
    );
    this.integrations = byId(snapshot.labIntegrations, (one) => one.labIntegrationId);
    this.accessKeys = byId(snapshot.accessKeys, (one) => one.accessKeyId);
    this.settings = snapshot.settings;
    this.categoriesByCode = new Map(snapshot.actionCategories.map((one) => [one.code, one]));
    this.accessKeysByHash = new Map(snapshot.accessKeys.map((one) => [one.hash, one]));
  }

  putOrganization(organization: Organization): void {
    this.organizations.set(organization.organizationId, organization);
  }

  putLab(lab: Lab): void {
    this.labs.set(lab.labId, lab);
    this.rules = null;
  }

  putCategory(category: ActionCategory): void {
    this.categories.set(category.actionCategoryListId, category);
    this.categoriesByCode.set(category.code, category);
    this.rules = null;
  }

  putAuthentication(authentication: DeveloperAuthentication): void {
    this.authentications.set(authentication.developerAuthenticationId, authentication);
  }

  putIntegration(integration: LabIntegration): void {
    this.integrations.set(integration.labIntegrationId, integration);
    this.rules = null;
  }

  putAccessKey(key: AccessKey): void {
    this.accessKeys.set(key.accessKeyId, key);
    this.accessKeysByHash.set(key.hash, key);
  }

  categoryByCode(code: string): ActionCategory | undefined {
    return this.categoriesByCode.get(code);
  }

  accessKeyByHash(hash: string): AccessKey | undefined {
    return this.accessKeysByHash.get(hash);
  }

  rulesFor(labId: number, actionCategoryListId: number): readonly LabIntegration[] {
    this.rules ??= indexRules(
      this.labs.values(),
      this.categories.values(),
      this.integrations.values(),
    );
    return matchRules(this.rules, labId, actionCategoryListId);
  }
}

function byId<T>(rows: T[], idOf: (row: T) => number): Map<number, T> {
  return new Map(rows.map((row) => [idOf(row), row]));
}

/** Rows of a map by rising id. */
export function inIdOrder<T>(map: Map<number, T>): T[] {
  return [...map.entries()].sort(([a], [b]) => a - b).map(([, row]) => row);
}
