import type {
  AccessKey,
  ActionCategory,
  DeveloperAuthentication,
  Lab,
  LabIntegration,
  Settings,
} from '../../../shared/model/configuration.ts';
import { findKey } from './access-keys.ts';
import { openSecrets, secretHints } from './authentications.ts';
import { ConfigurationLists } from './lists.ts';
import type { ConfigurationLookup } from './lookup.ts';
import { type ConfigurationMemory, inIdOrder } from './memory.ts';
import { type UnreadableSecrets, unreadableSecrets } from './unreadable-secrets.ts';
import type { Vault } from './vault.ts';

/** The asking half of the configuration room: everything is answered from memory. */
export class LoadedConfiguration implements ConfigurationLookup {
  protected readonly vault: Vault;
  protected loaded: ConfigurationMemory | null = null;

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Rows for the console's lists. */
  get lists(): ConfigurationLists {
    return new ConfigurationLists(this.memory);
  }

  get settings(): Settings {
    return this.memory.settings;
  }

  lab(labId: number): Lab | undefined {
    return this.memory.labs.get(labId);
  }

  actionCategory(code: string): ActionCategory | undefined {
    return this.memory.categoryByCode(code);
  }

  actionCategoryById(id: number): ActionCategory | undefined {
    return this.memory.categories.get(id);
  }

  rulesFor(lab: Lab, actionCategoryListId: number): readonly LabIntegration[] {
    return this.memory.rulesFor(lab.labId, actionCategoryListId);
  }

  integration(labIntegrationId: number): LabIntegration | undefined {
    return this.memory.integrations.get(labIntegrationId);
  }

  authentication(developerAuthenticationId: number): DeveloperAuthentication | undefined {
    return this.memory.authentications.get(developerAuthenticationId);
  }

  openSecrets(authentication: DeveloperAuthentication): Record<string, string> {
    return openSecrets(this.vault, authentication);
  }

  /** Last characters of tokens by key name; null: the secrets cannot be opened. */
  secretHints(authentication: DeveloperAuthentication): Record<string, string> | null {
    return secretHints(this.vault, authentication);
  }

  /** Authentications whose secrets the present key does not open, in the order of their ids. */
  unreadableSecrets(): UnreadableSecrets[] {
    return unreadableSecrets(this.vault, inIdOrder(this.memory.authentications));
  }

  accessKeyOf(token: string): AccessKey | undefined {
    return findKey(this.memory, token);
  }

  /** A key by its id, unless it was revoked. */
  accessKeyById(accessKeyId: number): AccessKey | undefined {
    const key = this.memory.accessKeys.get(accessKeyId);
    return key?.revokedAt === null ? key : undefined;
  }

  protected get memory(): ConfigurationMemory {
    if (!this.loaded) throw new Error('the configuration was asked before it was started');
    return this.loaded;
  }
}
