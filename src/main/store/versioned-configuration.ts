import type { Database } from 'better-sqlite3';
import type {
  ConfigurationWrite,
  DeveloperAuthentication,
  IntegrationSettings,
  LabIntegration,
} from '../../shared/model/configuration.ts';
import type { HeldAction } from '../../shared/model/held.ts';
import { createProbeNow } from './breaker.ts';
import {
  type AuthenticationRow,
  authenticationOf,
  type IntegrationRow,
  integrationOf,
} from './configuration-rows.ts';
import { createWaitingActions } from './waiting-actions.ts';

/** What stands in the way of a guarded update; null: nothing. */
function obstacle(
  current: { version: number } | undefined,
  expectedVersion: number | null,
): { outcome: 'NOT_FOUND' } | { outcome: 'STALE'; currentVersion: number } | null {
  if (!current) return { outcome: 'NOT_FOUND' };
  return expectedVersion !== null && expectedVersion !== current.version
    ? { outcome: 'STALE', currentVersion: current.version }
    : null;
}

/** Writes of what has versions. Each runs inside the writer's transaction. */
export function createVersionedConfiguration(db: Database) {
  const waiting = createWaitingActions(db);
  const probe = createProbeNow(db);
  const authenticationVersion = db.prepare<[number], { version: number }>(
    'SELECT version FROM developer_authentication WHERE developer_authentication_id = ?',
  );
  const addAuthentication = db.prepare<[object], AuthenticationRow>(
    `INSERT INTO developer_authentication
       (lab_id, organization_id, name, kind, public_keys, sealed_keys, is_active, version, updated_at)
     VALUES (@labId, @organizationId, @name, @kind, @publicKeys, @sealedKeys, @isActive, 1, @now)
     RETURNING *`,
  );
  const updateAuthentication = db.prepare<[object], AuthenticationRow>(
    `UPDATE developer_authentication SET lab_id = @labId, organization_id = @organizationId,
       name = @name, kind = @kind, public_keys = @publicKeys, sealed_keys = @sealedKeys,
       is_active = @isActive, version = version + 1, updated_at = @now
     WHERE developer_authentication_id = @id
     RETURNING *`,
  );
  const integrationVersion = db.prepare<[number], { version: number; is_active: number }>(
    'SELECT version, is_active FROM lab_integration WHERE lab_integration_id = ?',
  );
  const addIntegration = db.prepare<[object], IntegrationRow>(
    `INSERT INTO lab_integration
       (lab_id, organization_id, action_category_list_id, developer_authentication_id, name,
        is_active, max_concurrency, rate_per_minute, on_refused, on_unknown, is_retry_enabled,
        executor, settings, version, created_at, updated_at)
     VALUES (@labId, @organizationId, @actionCategoryListId, @developerAuthenticationId, @name,
        @isActive, @maxConcurrency, @ratePerMinute, @onRefused, @onUnknown, @isRetryEnabled,
        @executor, @settings, 1, @now, @now)
     RETURNING lab_integration_id, settings, version, created_at, updated_at`,
  );
  const updateIntegration = db.prepare<[object], IntegrationRow>(
    `UPDATE lab_integration SET lab_id = @labId, organization_id = @organizationId,
       action_category_list_id = @actionCategoryListId,
       developer_authentication_id = @developerAuthenticationId, name = @name,
       is_active = @isActive, max_concurrency = @maxConcurrency,
       rate_per_minute = @ratePerMinute, on_refused = @onRefused, on_unknown = @onUnknown,
       is_retry_enabled = @isRetryEnabled, executor = @executor, settings = @settings,
       version = version + 1, updated_at = @now
     WHERE lab_integration_id = @id
     RETURNING lab_integration_id, settings, version, created_at, updated_at`,
  );
  const keepVersion = db.prepare<[object]>(
    `INSERT INTO lab_integration_version (lab_integration_id, version, settings, changed_by, changed_at, reason)
     VALUES (@id, @version, @settings, @changedBy, @now, @reason)`,
  );

  return {
    saveDeveloperAuthentication(command: {
      developerAuthenticationId: number | null;
      expectedVersion: number | null;
      values: Omit<DeveloperAuthentication, 'developerAuthenticationId' | 'version' | 'updatedAt'>;
      now: number;
    }): ConfigurationWrite<DeveloperAuthentication> {
      const { developerAuthenticationId: id, expectedVersion, values, now } = command;
      const columns = {
        labId: values.labId,
        organizationId: values.organizationId,
        name: values.name,
        kind: values.kind,
        publicKeys: JSON.stringify(values.publicKeys),
        sealedKeys: JSON.stringify(values.sealedKeys),
        isActive: values.isActive ? 1 : 0,
        now,
      };
      if (id !== null) {
        const refusal = obstacle(authenticationVersion.get(id), expectedVersion);
        if (refusal) return refusal;
      }
      const row =
        id === null ? addAuthentication.get(columns) : updateAuthentication.get({ ...columns, id });
      if (id !== null) probe.authentication(id, now);
      return { outcome: 'SAVED', row: authenticationOf(written(row)) };
    },

    saveLabIntegration(command: {
      labIntegrationId: number | null;
      expectedVersion: number | null;
      settings: IntegrationSettings;
      changedBy: string;
      /** What is to become of what waits, where this enables the rule. */
      waiting?: HeldAction | null;
      /** Why, where that was told. */
      reason?: string | null;
      now: number;
    }): ConfigurationWrite<LabIntegration> {
      const { labIntegrationId: id, expectedVersion, settings, changedBy, now } = command;
      const reason = command.reason ?? null;
      const text = JSON.stringify(settings);
      const columns = {
        labId: settings.labId,
        organizationId: settings.organizationId,
        actionCategoryListId: settings.actionCategoryListId,
        developerAuthenticationId: settings.developerAuthenticationId,
        name: settings.name,
        isActive: settings.isActive ? 1 : 0,
        maxConcurrency: settings.maxConcurrency,
        ratePerMinute: settings.ratePerMinute,
        onRefused: settings.onRefused,
        onUnknown: settings.onUnknown,
        isRetryEnabled: settings.isRetryEnabled ? 1 : 0,
        executor: settings.executor,
        settings: text,
        now,
      };
      if (id !== null) {
        const current = integrationVersion.get(id);
        const refusal = obstacle(current, expectedVersion);
        if (refusal) return refusal;
        const wasActive = current?.is_active === 1;
        if (wasActive && !settings.isActive) waiting.disabled(id, changedBy);
        if (!wasActive && settings.isActive) {
          if (waiting.isBeingHeld(id)) return { outcome: 'BUSY' };
          waiting.enabled(id, command.waiting ?? 'RELEASE', changedBy);
        }
        probe.rule(id, now);
      }
      const row = written(
        id === null ? addIntegration.get(columns) : updateIntegration.get({ ...columns, id }),
      );
      const { lab_integration_id, version } = row;
      keepVersion.run({ id: lab_integration_id, version, settings: text, changedBy, now, reason });
      return { outcome: 'SAVED', row: integrationOf(row) };
    },
  };
}

/** The row that a RETURNING statement must have given. */
export function written<R>(row: R | undefined): R {
  if (row === undefined) throw new Error('a configuration write returned no row');
  return row;
}
