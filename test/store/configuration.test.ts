import { beforeEach, describe, expect, test } from 'vitest';
import type Database from 'better-sqlite3';
import { createConfigurationStatements } from '../../src/main/store/configuration.ts';
import {
  DEFAULT_SETTINGS,
  type IntegrationSettings,
} from '../../src/shared/model/configuration.ts';
import { NEW_INTEGRATION } from '../../src/shared/model/integration-defaults.ts';
import { openStore } from '../engine/configuration/room.ts';

let db: Database.Database;
let statements: ReturnType<typeof createConfigurationStatements>;

const settings: IntegrationSettings = {
  ...NEW_INTEGRATION,
  labId: 1,
  organizationId: null,
  actionCategoryListId: 1,
  name: 'Bills',
  endPoint: 'http://127.0.0.1:9/',
};
const authentication = {
  labId: 1,
  organizationId: null,
  name: 'Partner',
  kind: 'basic' as const,
  publicKeys: { username: 'labx' },
  sealedKeys: { password: 'v1.sealed' },
  isActive: true,
};

beforeEach(() => {
  db = openStore();
  statements = createConfigurationStatements(db);
  statements.saveLab({
    labId: 1,
    name: 'Main lab',
    organizationId: null,
    timeZone: 'UTC',
    isActive: true,
    domainSource: null,
  });
});

function saveRule(
  change: Partial<IntegrationSettings> = {},
  labIntegrationId: number | null = null,
) {
  return statements.saveLabIntegration({
    labIntegrationId,
    expectedVersion: null,
    settings: { ...settings, ...change },
    changedBy: 'anna',
    now: 5_000,
  });
}

const saveAuthentication = (
  developerAuthenticationId: number | null,
  expectedVersion: number | null,
) =>
  statements.saveDeveloperAuthentication({
    developerAuthenticationId,
    expectedVersion,
    values: authentication,
    now: 1,
  });

const addCategory = (code: string, actionCategoryListId: number | null = null) =>
  statements.saveActionCategory({ actionCategoryListId, code, name: 'Visit', isActive: true });

test('a fresh store holds the guide’s categories and the default settings', () => {
  const snapshot = statements.loadConfiguration();
  expect(snapshot.settings).toEqual(DEFAULT_SETTINGS);
  expect(snapshot.actionCategories.slice(0, 3)).toEqual([
    {
      actionCategoryListId: 1,
      code: 'BILL_GENERATED',
      name: 'Bill generated',
      isBuiltIn: true,
      isActive: true,
    },
    {
      actionCategoryListId: 2,
      code: 'BILL_UPDATED',
      name: 'Bill updated',
      isBuiltIn: true,
      isActive: true,
    },
    {
      actionCategoryListId: 3,
      code: 'BILL_CANCELLED',
      name: 'Bill cancelled',
      isBuiltIn: true,
      isActive: true,
    },
  ]);
});

test('what is saved is what is loaded', () => {
  statements.saveOrganization({ organizationId: 10, name: 'Group' });
  const lab = {
    labId: 2,
    name: 'Branch',
    organizationId: 10,
    timeZone: 'Asia/Kolkata',
    isActive: false,
    domainSource: {
      baseUrl: 'http://10.0.0.5/lis',
      developerAuthenticationId: null,
      objects: { bill: { path: '/bills/{id}', objectAt: '/data' } },
      timeoutMs: 2_000,
      cacheMs: 0,
      ca: null,
      isActive: true,
    },
  };
  statements.saveLab(lab);
  const saved = [
    saveRule(),
    statements.saveDeveloperAuthentication({
      developerAuthenticationId: null,
      expectedVersion: null,
      values: authentication,
      now: 6_000,
    }),
  ];
  const key = statements.saveAccessKey({
    kind: 'inbound',
    name: 'LIS',
    role: null,
    labIds: [1],
    routes: ['/billing/'],
    hash: 'ab',
    hint: 'wxyz',
    createdAt: 7_000,
  });
  const changed = { callbackTransport: 'http', maxConcurrency: 9, callbackRateLimit: 7 } as const;
  statements.saveSettings({ ...DEFAULT_SETTINGS, ...changed });

  const snapshot = createConfigurationStatements(db).loadConfiguration();
  expect(snapshot.organizations).toEqual([{ organizationId: 10, name: 'Group' }]);
  expect(snapshot.labs[1]).toEqual(lab);
  expect(saved).toEqual([
    { outcome: 'SAVED', row: snapshot.labIntegrations[0] },
    { outcome: 'SAVED', row: snapshot.developerAuthentications[0] },
  ]);
  expect(snapshot.labIntegrations).toEqual([
    { ...settings, labIntegrationId: 1, version: 1, createdAt: 5_000, updatedAt: 5_000 },
  ]);
  expect(snapshot.developerAuthentications).toEqual([
    { ...authentication, developerAuthenticationId: 1, version: 1, updatedAt: 6_000 },
  ]);
  expect(snapshot.accessKeys).toEqual([key]);
  expect(key).toMatchObject({
    accessKeyId: 1,
    labIds: [1],
    routes: ['/billing/'],
    revokedAt: null,
  });
  expect(snapshot.settings).toEqual({ ...DEFAULT_SETTINGS, ...changed });
});

describe('rules', () => {
  test('each save keeps its version with who changed it', () => {
    saveRule();
    const second = saveRule({ name: 'Bills, corrected', maxConcurrency: 3, isActive: false }, 1);
    expect(second).toMatchObject({ outcome: 'SAVED', row: { version: 2, createdAt: 5_000 } });
    const versions = db
      .prepare<[], { version: number; name: string; changed_by: string }>(
        `SELECT version, json_extract(settings, '$.name') AS name, changed_by
         FROM lab_integration_version ORDER BY version`,
      )
      .all();
    expect(versions).toEqual([
      { version: 1, name: 'Bills', changed_by: 'anna' },
      { version: 2, name: 'Bills, corrected', changed_by: 'anna' },
    ]);
    // The claim reads these columns, not the settings.
    expect(db.prepare('SELECT is_active, max_concurrency FROM lab_integration').get()).toEqual({
      is_active: 0,
      max_concurrency: 3,
    });
  });

  test('a stale write and an unknown id change nothing', () => {
    saveRule();
    saveRule({ name: 'second' }, 1);
    const command = { labIntegrationId: 1, settings, changedBy: 'ben', now: 9_000 };
    expect(statements.saveLabIntegration({ ...command, expectedVersion: 1 })).toEqual({
      outcome: 'STALE',
      currentVersion: 2,
    });
    expect(saveRule({}, 77)).toEqual({ outcome: 'NOT_FOUND' });
    expect(db.prepare('SELECT count(*) AS n FROM lab_integration_version').get()).toEqual({ n: 2 });
  });

  test('a rule without its lab is refused by the schema', () => {
    expect(() => saveRule({ labId: 99 })).toThrow(/FOREIGN KEY/);
    expect(() => saveRule({ organizationId: 10 })).toThrow(/CHECK/);
  });
});

test('a stale authentication write is told the current version', () => {
  saveAuthentication(null, null);
  expect(saveAuthentication(1, 1)).toMatchObject({ outcome: 'SAVED', row: { version: 2 } });
  expect(saveAuthentication(1, 1)).toEqual({ outcome: 'STALE', currentVersion: 2 });
  expect(saveAuthentication(8, null)).toEqual({ outcome: 'NOT_FOUND' });
});

test('own categories count from 1000, codes are unique, a built-in code stays', () => {
  expect(addCategory('HOME_VISIT')).toMatchObject({
    row: { actionCategoryListId: 1_000, isBuiltIn: false },
  });
  expect(addCategory('SECOND_VISIT')).toMatchObject({ row: { actionCategoryListId: 1_001 } });
  expect(addCategory('BILL_GENERATED')).toEqual({ outcome: 'TAKEN', field: 'code' });
  expect(addCategory('BILL_GENERATED', 1_000)).toEqual({ outcome: 'TAKEN', field: 'code' });
  expect(addCategory('SOMETHING_ELSE', 1)).toMatchObject({
    row: { code: 'BILL_GENERATED', name: 'Visit' },
  });
  expect(addCategory('NOWHERE', 5_000)).toEqual({ outcome: 'NOT_FOUND' });
});

test('revoking twice keeps the first time', () => {
  const { accessKeyId } = statements.saveAccessKey({
    kind: 'user',
    name: 'Anna',
    role: 'admin',
    labIds: null,
    routes: null,
    hash: 'cd',
    hint: '',
    createdAt: 1,
  });
  statements.revokeAccessKey({ accessKeyId, now: 2 });
  expect(statements.revokeAccessKey({ accessKeyId, now: 3 })).toMatchObject({
    outcome: 'SAVED',
    row: { revokedAt: 2 },
  });
  expect(statements.revokeAccessKey({ accessKeyId: 9, now: 3 })).toEqual({ outcome: 'NOT_FOUND' });
});

test('what the claim and the settlement enforce is repeated beside a rule’s settings', () => {
  const columns = () =>
    db
      .prepare(
        `SELECT max_concurrency, rate_per_minute, on_refused, on_unknown, is_retry_enabled
         FROM lab_integration`,
      )
      .raw()
      .all();
  saveRule();
  expect(columns()).toEqual([[8, null, 'skip', 'hold', 1]]);
  const change = {
    maxConcurrency: 3,
    ratePerMinute: 60,
    onRefused: 'hold',
    onUnknown: 'skip',
    isRetryEnabled: false,
  } as const;
  saveRule(change, 1);
  expect(columns()).toEqual([[3, 60, 'hold', 'skip', 0]]);
});
