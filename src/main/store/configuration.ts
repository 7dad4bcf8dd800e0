import type { Database } from 'better-sqlite3';
import {
  type AccessKey,
  type ActionCategory,
  type ConfigurationSnapshot,
  type ConfigurationWrite,
  DEFAULT_SETTINGS,
  type Lab,
  type Organization,
  type Settings,
} from '../../shared/model/configuration.ts';
import {
  type AccessKeyRow,
  type ActionCategoryRow,
  type AuthenticationRow,
  accessKeyOf,
  actionCategoryOf,
  authenticationOf,
  type IntegrationRow,
  integrationOf,
  type LabRow,
  labOf,
  type OrganizationRow,
  organizationOf,
} from './configuration-rows.ts';
import { createVersionedConfiguration, written } from './versioned-configuration.ts';

/** Ids below are kept for categories that later versions of LabRelay seed. */
const FIRST_OWN_CATEGORY = 1_000;

/** The configuration room's commands; each runs inside the writer's transaction. */
export function createConfigurationStatements(db: Database) {
  const organizations = db.prepare<[], OrganizationRow>(
    'SELECT * FROM organization ORDER BY organization_id',
  );
  const labs = db.prepare<[], LabRow>('SELECT * FROM lab ORDER BY lab_id');
  const categories = db.prepare<[], ActionCategoryRow>(
    'SELECT * FROM action_category ORDER BY action_category_list_id',
  );
  const authentications = db.prepare<[], AuthenticationRow>(
    'SELECT * FROM developer_authentication ORDER BY developer_authentication_id',
  );
  const integrations = db.prepare<[], IntegrationRow>(
    `SELECT lab_integration_id, settings, version, created_at, updated_at
     FROM lab_integration ORDER BY lab_integration_id`,
  );
  const accessKeys = db.prepare<[], AccessKeyRow>(
    'SELECT * FROM access_key ORDER BY access_key_id',
  );
  const settings = db.prepare<[], { name: string; value: string }>('SELECT * FROM setting');

  const putOrganization = db.prepare<[object], OrganizationRow>(
    `INSERT INTO organization (organization_id, name) VALUES (@organizationId, @name)
     ON CONFLICT (organization_id) DO UPDATE SET name = excluded.name
     RETURNING *`,
  );
  const putLab = db.prepare<[object], LabRow>(
    `INSERT INTO lab (lab_id, name, organization_id, time_zone, is_active, domain_source)
     VALUES (@labId, @name, @organizationId, @timeZone, @isActive, @domainSource)
     ON CONFLICT (lab_id) DO UPDATE SET name = excluded.name,
       organization_id = excluded.organization_id, time_zone = excluded.time_zone,
       is_active = excluded.is_active, domain_source = excluded.domain_source
     RETURNING *`,
  );
  const categoryByCode = db.prepare<[string], ActionCategoryRow>(
    'SELECT * FROM action_category WHERE code = ?',
  );
  const addCategory = db.prepare<[object], ActionCategoryRow>(
    `INSERT INTO action_category (action_category_list_id, code, name, is_built_in, is_active)
     VALUES ((SELECT max(@first, coalesce(max(action_category_list_id), 0) + 1) FROM action_category),
       @code, @name, 0, @isActive)
     RETURNING *`,
  );
  const updateCategory = db.prepare<[object], ActionCategoryRow>(
    `UPDATE action_category SET name = @name, is_active = @isActive,
       code = CASE is_built_in WHEN 1 THEN code ELSE @code END
     WHERE action_category_list_id = @id
     RETURNING *`,
  );
  const addAccessKey = db.prepare<[object], AccessKeyRow>(
    `INSERT INTO access_key (kind, name, role, lab_ids, routes, hash, hint, created_at)
     VALUES (@kind, @name, @role, @labIds, @routes, @hash, @hint, @createdAt)
     RETURNING *`,
  );
  // A second revocation keeps the first one's time.
  const revoke = db.prepare<[object], AccessKeyRow>(
    `UPDATE access_key SET revoked_at = coalesce(revoked_at, @now)
     WHERE access_key_id = @accessKeyId RETURNING *`,
  );
  const putSetting = db.prepare<[string, string]>(
    `INSERT INTO setting (name, value) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  );

  return {
    ...createVersionedConfiguration(db),

    loadConfiguration(): ConfigurationSnapshot {
      return {
        organizations: organizations.all().map(organizationOf),
        labs: labs.all().map(labOf),
        actionCategories: categories.all().map(actionCategoryOf),
        developerAuthentications: authentications.all().map(authenticationOf),
        labIntegrations: integrations.all().map(integrationOf),
        accessKeys: accessKeys.all().map(accessKeyOf),
        settings: settingsOf(settings.all()),
      };
    },

    saveOrganization(organization: Organization): ConfigurationWrite<Organization> {
      const row = written(putOrganization.get(organization));
      return { outcome: 'SAVED', row: organizationOf(row) };
    },

    saveLab(lab: Lab): ConfigurationWrite<Lab> {
      const row = written(
        putLab.get({
          ...lab,
          isActive: lab.isActive ? 1 : 0,
          domainSource: lab.domainSource && JSON.stringify(lab.domainSource),
        }),
      );
      return { outcome: 'SAVED', row: labOf(row) };
    },

    saveActionCategory(
      category: Omit<ActionCategory, 'actionCategoryListId' | 'isBuiltIn'> & {
        actionCategoryListId: number | null;
      },
    ): ConfigurationWrite<ActionCategory> {
      const { actionCategoryListId: id, code, name } = category;
      const holder = categoryByCode.get(code);
      if (holder && holder.action_category_list_id !== id)
        return { outcome: 'TAKEN', field: 'code' };
      const columns = { code, name, isActive: category.isActive ? 1 : 0 };
      const row =
        id === null
          ? addCategory.get({ ...columns, first: FIRST_OWN_CATEGORY })
          : updateCategory.get({ ...columns, id });
      return row ? { outcome: 'SAVED', row: actionCategoryOf(row) } : { outcome: 'NOT_FOUND' };
    },

    saveAccessKey(key: Omit<AccessKey, 'accessKeyId' | 'revokedAt'>): AccessKey {
      return accessKeyOf(
        written(
          addAccessKey.get({
            ...key,
            labIds: key.labIds && JSON.stringify(key.labIds),
            routes: key.routes && JSON.stringify(key.routes),
          }),
        ),
      );
    },

    revokeAccessKey(command: { accessKeyId: number; now: number }): ConfigurationWrite<AccessKey> {
      const row = revoke.get(command);
      return row ? { outcome: 'SAVED', row: accessKeyOf(row) } : { outcome: 'NOT_FOUND' };
    },

    saveSettings(values: Settings): void {
      putSetting.run('callback_transport', JSON.stringify(values.callbackTransport));
      putSetting.run('max_concurrency', JSON.stringify(values.maxConcurrency));
      putSetting.run('event_rate_limit', JSON.stringify(values.eventRateLimit));
      putSetting.run('callback_rate_limit', JSON.stringify(values.callbackRateLimit));
      putSetting.run('console_rate_limit', JSON.stringify(values.consoleRateLimit));
      putSetting.run('delivery_paused', JSON.stringify(values.deliveryPaused));
      putSetting.run('backup_schedule', JSON.stringify(values.backupSchedule));
      putSetting.run('backup_keep', JSON.stringify(values.backupKeep));
      putSetting.run('backup_folder', JSON.stringify(values.backupFolder));
      putSetting.run('session_hours', JSON.stringify(values.sessionHours));
      putSetting.run('session_idle_minutes', JSON.stringify(values.sessionIdleMinutes));
      putSetting.run('legacy_callbacks_enabled', JSON.stringify(values.legacyCallbacksEnabled));
    },
  };
}

/** Stored settings over the defaults, so that one added later has its default in older stores. */
function settingsOf(rows: { name: string; value: string }[]): Settings {
  const stored = new Map(rows.map((row) => [row.name, JSON.parse(row.value) as unknown]));
  const read = <T>(name: string, otherwise: T) =>
    stored.has(name) ? (stored.get(name) as T) : otherwise;
  return {
    callbackTransport: read('callback_transport', DEFAULT_SETTINGS.callbackTransport),
    maxConcurrency: read('max_concurrency', DEFAULT_SETTINGS.maxConcurrency),
    eventRateLimit: read('event_rate_limit', DEFAULT_SETTINGS.eventRateLimit),
    callbackRateLimit: read('callback_rate_limit', DEFAULT_SETTINGS.callbackRateLimit),
    consoleRateLimit: read('console_rate_limit', DEFAULT_SETTINGS.consoleRateLimit),
    deliveryPaused: read('delivery_paused', DEFAULT_SETTINGS.deliveryPaused),
    backupSchedule: read('backup_schedule', DEFAULT_SETTINGS.backupSchedule),
    backupKeep: read('backup_keep', DEFAULT_SETTINGS.backupKeep),
    backupFolder: read('backup_folder', DEFAULT_SETTINGS.backupFolder),
    sessionHours: read('session_hours', DEFAULT_SETTINGS.sessionHours),
    sessionIdleMinutes: read('session_idle_minutes', DEFAULT_SETTINGS.sessionIdleMinutes),
    legacyCallbacksEnabled: read(
      'legacy_callbacks_enabled',
      DEFAULT_SETTINGS.legacyCallbacksEnabled,
    ),
  };
}
