import type {
  AccessKey,
  ActionCategory,
  DeliveryPause,
  DeveloperAuthentication,
  IntegrationSettings,
  Lab,
  LabIntegration,
  Organization,
  Settings,
} from '../../../shared/model/configuration.ts';
import type { HeldAction } from '../../../shared/model/held.ts';
import {
  adminTokenToSave,
  CHOSEN_TOKEN,
  checkNewKey,
  checkRevocation,
  freeName,
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
  expressionsToCheck,
  type IntegrationChange,
  mergeIntegration,
} from './integrations.ts';
import { checkBackupSettings } from './backup-settings.ts';
import {
  type CategoryChange,
  type LabChange,
  checkSourceTarget,
  mergeCategory,
  mergeLab,
} from './labs.ts';
import { LoadedConfiguration } from './loaded.ts';
import { ConfigurationMemory } from './memory.ts';
import { type AuthenticationFacts, authenticationFacts } from './authentication-facts.ts';
import { noticesOf } from './notices.ts';
import type { Loose } from './owners.ts';
import { TargetGuard } from '../targets/guard.ts';
import type { ConfigurationPort } from './port.ts';
import type { Vault } from './vault.ts';
import { type RollbackWish, rollbackChange, versionsWithFormer } from './versions.ts';
import { demandChoice, refuseChoice } from './waiting.ts';

/**
 * The configuration room (the guide's workflow 1). Questions are answered from memory; every change
 * is merged, checked, committed by the store and only then taken into memory, one at a time.
 */
export class Configuration extends LoadedConfiguration {
  private readonly store: ConfigurationPort;
  private readonly clock: () => number;
  private readonly checkMapping: CheckMapping;
  private readonly targets: TargetGuard;
  private readonly whenHeld: (labIntegrationId: number) => Promise<void>;
  private readonly announcer: Announcer;
  private readonly turns = new Turns();

  /**
   * @param options `clock`: epoch ms. `reportError`: told of listeners that throw. `whenHeld`:
   *   resolves when what waits for a switched-off rule is held.
   */
  constructor(options: {
    store: ConfigurationPort;
    vault: Vault;
    clock: () => number;
    checkMapping: CheckMapping;
    /** Says which targets are refused already when a rule or credential is saved. */
    targets?: TargetGuard;
    whenHeld?: (labIntegrationId: number) => Promise<void>;
    reportError?: (error: unknown) => void;
  }) {
    super(options.vault);
    this.store = options.store;
    this.clock = options.clock;
    this.checkMapping = options.checkMapping;
    this.targets = options.targets ?? new TargetGuard();
    this.whenHeld = options.whenHeld ?? (async () => {});
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
      const lab = mergeLab(this.memory, change);
      checkSourceTarget(lab, this.targets);
      const write = await this.store.saveLab(lab);
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
      const { memory, vault, targets } = this;
      const now = this.clock();
      const write = await this.store.saveDeveloperAuthentication({
        developerAuthenticationId: id,
        expectedVersion: change.expectedVersion ?? null,
        values: mergeAuthentication({ memory, vault, targets, now }, current, change),
        now,
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

  /** What the console shows of an authentication beside its fields; no secret. */
  authenticationFacts(authentication: DeveloperAuthentication): AuthenticationFacts {
    return authenticationFacts(authentication, this.secretHints(authentication), this.clock());
  }

  /**
   * @param changedBy who is noted with the new version
   * @throws LabRelayError `WAITING_CHOICE_NEEDED` where the change enables a rule with held
   *   deliveries and does not say what is to become of them
   */
  saveLabIntegration(
    change: IntegrationChange,
    changedBy: string,
    reason: string | null = null,
  ): Promise<{ integration: LabIntegration; notices: string[] }> {
    return this.turns.take(() => this.commitIntegration(change, { changedBy, reason }, false));
  }

  /** A rule's versions, newest first, each with the one before it. @throws LabRelayError `NOT_FOUND` */
  async integrationVersions(labIntegrationId: number, before: number | null, limit: number) {
    currentRow(this.memory.integrations, labIntegrationId, undefined, INTEGRATION);
    return versionsWithFormer(this.store, labIntegrationId, before, limit);
  }

  /**
   * Makes a new version with the settings of a former one, after the checks of any save; whether the
   * rule is active stays as it is.
   * @throws LabRelayError `NOT_FOUND`, and as `saveLabIntegration`
   */
  rollbackIntegration(
    wish: RollbackWish,
    changedBy: string,
  ): Promise<{ integration: LabIntegration; notices: string[] }> {
    return this.turns.take(async () => {
      const id = wish.labIntegrationId;
      currentRow(this.memory.integrations, id, wish.expectedVersion, INTEGRATION);
      const change = await rollbackChange(this.store, wish);
      const told = wish.reason === null ? '' : `: ${wish.reason}`;
      const reason = `rolled back to version ${wish.version}${told}`;
      return this.commitIntegration(change, { changedBy, reason }, true);
    });
  }

  private async commitIntegration(
    change: IntegrationChange,
    by: { changedBy: string; reason: string | null },
    triesAgain: boolean,
  ): Promise<{ integration: LabIntegration; notices: string[] }> {
    const id = change.labIntegrationId ?? null;
    const current = currentRow(this.memory.integrations, id, change.expectedVersion, INTEGRATION);
    const settings = mergeIntegration(this.memory, current, change, this.targets);
    const actionCategory = this.memory.categories.get(settings.actionCategoryListId)?.code ?? '';
    const { method } = settings;
    const checkData = change.checkData ?? null;
    const tried = expressionsToCheck(triesAgain ? null : current, settings, change);
    for (const [field, expression] of tried) {
      await this.checkMapping({ field, expression, actionCategory, method, checkData });
    }
    await this.checkWaiting(current, settings, change.waiting);
    const write = await this.store.saveLabIntegration({
      labIntegrationId: id,
      expectedVersion: change.expectedVersion ?? null,
      settings,
      ...by,
      waiting: change.waiting ?? null,
      now: this.clock(),
    });
    const row = savedRow(write, INTEGRATION, id);
    this.memory.putIntegration(row);
    this.announcer.announce({ kind: 'lab_integration', id: row.labIntegrationId });
    return { integration: row, notices: noticesOf(this.memory, change, settings) };
  }

  private async checkWaiting(
    current: LabIntegration | null,
    settings: IntegrationSettings,
    choice: HeldAction | undefined,
  ): Promise<void> {
    if (!settings.isActive) refuseChoice(choice);
    if (!current || current.isActive || !settings.isActive) return;
    // What was open when it was switched off may just be being held.
    await this.whenHeld(current.labIntegrationId);
    if (choice === undefined) await demandChoice(this.store, current.labIntegrationId);
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
        callbackRateLimit: change.callbackRateLimit ?? current.callbackRateLimit,
        consoleRateLimit: change.consoleRateLimit ?? current.consoleRateLimit,
        // Not `??`: null is a value here.
        deliveryPaused:
          change.deliveryPaused === undefined ? current.deliveryPaused : change.deliveryPaused,
        backupSchedule:
          change.backupSchedule === undefined ? current.backupSchedule : change.backupSchedule,
        backupKeep: change.backupKeep ?? current.backupKeep,
        backupFolder:
          change.backupFolder === undefined ? current.backupFolder : change.backupFolder,
        sessionHours: change.sessionHours ?? current.sessionHours,
        sessionIdleMinutes: change.sessionIdleMinutes ?? current.sessionIdleMinutes,
        legacyCallbacksEnabled: change.legacyCallbacksEnabled ?? current.legacyCallbacksEnabled,
      };
      checkBackupSettings(settings);
      await this.store.saveSettings(settings);
      this.memory.settings = settings;
      this.announcer.announce({ kind: 'settings', id: null });
      return settings;
    });
  }

  /**
   * Lets deliveries stand still, or go on.
   * @param by who wants it
   * @returns the pause; null where deliveries go out
   */
  async setDeliveryPaused(
    paused: boolean,
    by: string,
    reason: string | null,
  ): Promise<DeliveryPause | null> {
    const current = this.settings.deliveryPaused;
    // Paused again it has been paused since the first time.
    const pause = paused
      ? { since: current?.since ?? this.clock(), by, reason: reason ?? current?.reason ?? null }
      : null;
    return (await this.saveSettings({ deliveryPaused: pause })).deliveryPaused;
  }

  /**
   * Sees to it that somebody can administer LabRelay: keeps the given token as an admin key, or
   * makes one where there is no admin yet.
   * @param given value of `LABRELAY_ADMIN_TOKEN`
   * @param keepMade writes a made token where its owner finds it. It is called before the hash is
   *   saved: a crash in between leaves a token that is not valid yet, never a key that nobody knows.
   * @param announce told the name of a key that is about to be saved, for the audit chain
   * @returns the token if it was made here, null otherwise
   * @throws Error if the given token cannot be used
   */
  ensureAdminKey(
    given?: string,
    keepMade?: (token: string) => Promise<void>,
    announce?: (name: string) => Promise<void>,
  ): Promise<string | null> {
    return this.turns.take(async () => {
      const wanted = adminTokenToSave(this.memory, given);
      if (!wanted) return null;
      if (wanted.made) await keepMade?.(wanted.token);
      const name = freeName(this.memory, wanted.made ? 'first admin' : CHOSEN_TOKEN);
      await announce?.(name);
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
}
