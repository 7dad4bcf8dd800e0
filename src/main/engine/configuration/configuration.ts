import { fieldError } from '../../../shared/errors.ts';
import type {
  AccessKey,
  ActionCategory,
  DeveloperAuthentication,
  Lab,
  LabIntegration,
  Organization,
  Settings,
} from '../../../shared/model/configuration.ts';
import {
  adminTokenToSave,
  checkNewKey,
  checkRevocation,
  generateKey,
  type NewAccessKey,
  valuesOfKey,
} from './access-keys.ts';
import { type AuthenticationChange, mergeAuthentication } from './authentications.ts';
import { Announcer, type ChangeListener, Turns } from './changes.ts';
import {
  ACCESS_KEY,
  AUTHENTICATION,
  CATEGORY,
  currentRow,
  INTEGRATION,
  LAB,
  ORGANIZATION,
  savedRow,
} from './faults.ts';
import {
  type CheckMapping,
  type ExpressionField,
  expressionsToCheck,
  type IntegrationChange,
  mergeIntegration,
} from './integrations.ts';
import { type CategoryChange, type LabChange, mergeCategory, mergeLab } from './labs.ts';
import { LoadedConfiguration } from './loaded.ts';
import { ConfigurationMemory } from './memory.ts';
import { noticesOf } from './notices.ts';
import type { Loose } from './owners.ts';
import type { ConfigurationPort } from './port.ts';
import type { Vault } from './vault.ts';

/**
 * The configuration room (the guide's workflow 1). Questions are answered from memory; every change
 * is merged, checked, committed by the store and only then taken into memory, one at a time.
 */
export class Configuration extends LoadedConfiguration {
  private readonly store: ConfigurationPort;
  private readonly clock: () => number;
  private readonly checkMapping: CheckMapping;
  private readonly announcer: Announcer;
  private readonly turns = new Turns();

  /** @param options `clock`: epoch ms. `reportError`: told of listeners that throw. */
  constructor(options: {
    store: ConfigurationPort;
    vault: Vault;
    clock: () => number;
    checkMapping: CheckMapping;
    reportError?: (error: unknown) => void;
  }) {
    super(options.vault);
    this.store = options.store;
    this.clock = options.clock;
    this.checkMapping = options.checkMapping;
    this.announcer = new Announcer(
      options.reportError ??
        ((error) => process.emitWarning(error instanceof Error ? error : String(error))),
    );
  }

  /** Loads what is committed. Nothing else may be called before. */
  async start(): Promise<void> {
    this.loaded = new ConfigurationMemory(await this.store.loadConfiguration());
  }

  /** Subscribes to committed changes. @returns ends the subscription. */
  onChange(listener: ChangeListener): () => void {
    return this.announcer.subscribe(listener);
  }

  saveOrganization(organization: Organization): Promise<Organization> {
    return this.turns.take(async () => {
      const write = await this.store.saveOrganization(organization);
      const row = savedRow(write, ORGANIZATION, organization.organizationId);
      this.memory.putOrganization(row);
      this.announcer.announce({ kind: 'organization', id: row.organizationId });
      return row;
    });
  }

  saveLab(change: LabChange): Promise<Lab> {
    return this.turns.take(async () => {
      const write = await this.store.saveLab(mergeLab(this.memory, change));
      const row = savedRow(write, LAB, change.labId);
      this.memory.putLab(row);
      this.announcer.announce({ kind: 'lab', id: row.labId });
      return row;
    });
  }

  saveActionCategory(change: CategoryChange): Promise<ActionCategory> {
    return this.turns.take(async () => {
      const category = mergeCategory(this.memory, change);
      const write = await this.store.saveActionCategory(category);
      const row = savedRow(write, CATEGORY, category.actionCategoryListId);
      this.memory.putCategory(row);
      this.announcer.announce({ kind: 'action_category', id: row.actionCategoryListId });
      return row;
    });
  }

  saveDeveloperAuthentication(change: AuthenticationChange): Promise<DeveloperAuthentication> {
    return this.turns.take(async () => {
      const id = change.developerAuthenticationId ?? null;
      const rows = this.memory.authentications;
      const current = currentRow(rows, id, change.expectedVersion, AUTHENTICATION);
      const write = await this.store.saveDeveloperAuthentication({
        developerAuthenticationId: id,
        expectedVersion: change.expectedVersion ?? null,
        values: mergeAuthentication(this.memory, this.vault, current, change),
        now: this.clock(),
      });
      const row = savedRow(write, AUTHENTICATION, id);
      this.memory.putAuthentication(row);
      this.announcer.announce({
        kind: 'developer_authentication',
        id: row.developerAuthenticationId,
      });
      return row;
    });
  }

  /** @param changedBy who is noted with the new version */
  saveLabIntegration(
    change: IntegrationChange,
    changedBy: string,
  ): Promise<{ integration: LabIntegration; notices: string[] }> {
    return this.turns.take(async () => {
      const id = change.labIntegrationId ?? null;
      const current = currentRow(this.memory.integrations, id, change.expectedVersion, INTEGRATION);
      const settings = mergeIntegration(this.memory, current, change);
      for (const [field, expression] of expressionsToCheck(current, settings)) {
        await this.tryExpression(field, expression, settings.actionCategoryListId);
      }
      const write = await this.store.saveLabIntegration({
        labIntegrationId: id,
        expectedVersion: change.expectedVersion ?? null,
        settings,
        changedBy,
        now: this.clock(),
      });
      const row = savedRow(write, INTEGRATION, id);
      this.memory.putIntegration(row);
      this.announcer.announce({ kind: 'lab_integration', id: row.labIntegrationId });
      return { integration: row, notices: noticesOf(this.memory, change, settings) };
    });
  }

  /** @returns the key's row and the clear key, which is known nowhere else from then on. */
  createAccessKey(wish: NewAccessKey): Promise<{ accessKey: AccessKey; key: string }> {
    return this.turns.take(async () => {
      checkNewKey(this.memory, wish);
      const key = generateKey(wish.kind);
      return { accessKey: await this.keepKey(key, wish), key };
    });
  }

  revokeAccessKey(accessKeyId: number): Promise<AccessKey> {
    return this.turns.take(async () => {
      checkRevocation(this.memory, accessKeyId);
      const write = await this.store.revokeAccessKey({ accessKeyId, now: this.clock() });
      const row = savedRow(write, ACCESS_KEY, accessKeyId);
      this.memory.putAccessKey(row);
      this.announcer.announce({ kind: 'access_key', id: accessKeyId });
      return row;
    });
  }

  saveSettings(change: Loose<Settings>): Promise<Settings> {
    return this.turns.take(async () => {
      const current = this.memory.settings;
      const settings: Settings = {
        callbackTransport: change.callbackTransport ?? current.callbackTransport,
        maxConcurrency: change.maxConcurrency ?? current.maxConcurrency,
        eventRateLimit: change.eventRateLimit ?? current.eventRateLimit,
        consoleRateLimit: change.consoleRateLimit ?? current.consoleRateLimit,
      };
      await this.store.saveSettings(settings);
      this.memory.settings = settings;
      this.announcer.announce({ kind: 'settings', id: null });
      return settings;
    });
  }

  /**
   * Sees to it that somebody can administer LabRelay: keeps the given token as an admin key, or
   * makes one where there is no admin yet.
   * @param given value of `LABRELAY_ADMIN_TOKEN`
   * @param keepMade writes a made token where its owner finds it. It is called before the hash is
   *   saved: a crash in between leaves a token that is not valid yet, never a key that nobody knows.
   * @returns the token if it was made here, null otherwise
   * @throws Error if the given token cannot be used
   */
  ensureAdminKey(
    given?: string,
    keepMade?: (token: string) => Promise<void>,
  ): Promise<string | null> {
    return this.turns.take(async () => {
      const wanted = adminTokenToSave(this.memory, given);
      if (!wanted) return null;
      if (wanted.made) await keepMade?.(wanted.token);
      const name = wanted.made ? 'first admin' : 'LABRELAY_ADMIN_TOKEN';
      await this.keepKey(wanted.token, { kind: 'user', name, role: 'admin' });
      return wanted.made ? wanted.token : null;
    });
  }

  private async keepKey(token: string, wish: NewAccessKey): Promise<AccessKey> {
    const values = valuesOfKey(token, wish);
    const row = await this.store.saveAccessKey({ ...values, createdAt: this.clock() });
    this.memory.putAccessKey(row);
    this.announcer.announce({ kind: 'access_key', id: row.accessKeyId });
    return row;
  }

  private async tryExpression(
    field: ExpressionField,
    expression: string,
    actionCategoryListId: number,
  ): Promise<void> {
    const code = this.memory.categories.get(actionCategoryListId)?.code ?? '';
    const result = await this.checkMapping(expression, code, field);
    if (!result.ok) throw fieldError('MAPPING_FAILED', field, result.message);
  }
}
