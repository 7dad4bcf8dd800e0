import { beforeEach, expect, test } from 'vitest';
import type { Caller } from '../../src/main/bridge/handler.ts';
import { configurationHandlers } from '../../src/main/bridge/procedures/configuration.ts';
import { parseInput } from '../../src/shared/contract/common.ts';
import { type CallInput, contract, type Output } from '../../src/shared/contract/index.ts';
import { openRoom, type Room } from '../engine/configuration/room.ts';

const anna: Caller = { accessKeyId: 1, name: 'Anna', role: 'admin', address: '127.0.0.1' };

let room: Room;
let handlers: ReturnType<typeof configurationHandlers>;

beforeEach(async () => {
  room = await openRoom();
  handlers = configurationHandlers(room.configuration);
});

/** Calls a procedure as both bindings do: input and output go through the contract. */
async function call<N extends keyof typeof handlers>(name: N, input: CallInput<N>) {
  const handler = handlers[name] as (input: unknown, caller: Caller) => Promise<unknown>;
  const output = await handler(parseInput(contract[name].input, input), anna);
  const document = contract[name].output.parse(output);
  // The edge sends nothing that the contract does not name.
  expect(document).toEqual(output);
  return document as Output<N>;
}

test('an integration is configured from nothing, as the README tells it', async () => {
  await call('addUpdateOrganization', { organization_id: 20, name: 'South group' });
  expect(
    await call('addUpdateLab', {
      lab_id: 7,
      name: 'South lab',
      organization_id: 20,
      time_zone: 'Asia/Kolkata',
    }),
  ).toEqual({
    lab_id: 7,
    name: 'South lab',
    organization_id: 20,
    time_zone: 'Asia/Kolkata',
    is_active: true,
    domain_source: null,
  });
  const authentication = await call('addUpdateDeveloperAuthentication', {
    lab_id: 7,
    name: 'Partner',
    kind: 'api_key',
    keys: { header: 'X-Key', value: 'a-very-long-api-key' },
  });
  expect(authentication).toMatchObject({
    keys: { header: 'X-Key', value: '••••' },
    hints: { value: '-key' },
    secrets_readable: true,
    version: 1,
  });
  const saved = await call('addUpdateWebhookIntegration', {
    lab_id: 7,
    action_category_list_id: 1,
    developer_authentication_id: authentication.developer_authentication_id,
    name: 'Bills',
    end_point: 'http://127.0.0.1:9000/bills',
    retry_policy: { retry_5xx: false },
    integrationExtraDetails: { connect_timeout_ms: 700 },
  });
  expect(saved).toMatchObject({
    lab_id: 7,
    organization_id: null,
    action_category: 'BILL_GENERATED',
    method: 'POST',
    max_concurrency: 8,
    timeout_ms: 30_000,
    retry_policy: { jitter: 0.2, retry_5xx: false, quiet_hours: [] },
    integrationExtraDetails: { connect_timeout_ms: 700 },
    version: 1,
    created_at: '2023-11-14T22:13:20.000Z',
    notices: [],
  });
  const { notices: _, ...document } = saved;
  expect(await call('listLabIntegrations', { lab_id: 7, is_active: true })).toEqual({
    items: [document],
  });
  expect(room.db.prepare('SELECT changed_by FROM lab_integration_version').all()).toEqual([
    { changed_by: 'Anna' },
  ]);
});

test('a document that is read and sent back unchanged changes nothing but the version', async () => {
  await call('addUpdateDeveloperAuthentication', {
    lab_id: 1,
    name: 'Partner',
    kind: 'basic',
    keys: { username: 'labx', password: 'hunter2' },
  });
  const { items } = await call('getDeveloperAuthentication', { developer_authentication_id: 1 });
  const [read] = items;
  if (!read) throw new Error('no authentication');
  const { developer_authentication_id, lab_id, name, keys, is_active, version } = read;
  const written = await call('addUpdateDeveloperAuthentication', {
    developer_authentication_id,
    lab_id,
    name,
    keys,
    is_active,
    expected_version: version,
  });
  expect(written).toEqual({ ...read, version: 2 });
  const stored = room.configuration.authentication(1);
  expect(stored && room.configuration.openSecrets(stored)).toEqual({ password: 'hunter2' });
});

test('no answer holds a secret', async () => {
  const answers = [
    await call('addUpdateDeveloperAuthentication', {
      organization_id: 10,
      name: 'Partner',
      kind: 'bearer',
      keys: { token: 'tok-abcdefghijklmnop-1234' },
    }),
    await call('getDeveloperAuthentication', { lab_id: 1 }),
  ];
  expect(JSON.stringify(answers)).not.toContain('abcdefghijklmnop');
  const { key, ...created } = await call('createAccessKey', { kind: 'internal', name: 'Mirth' });
  expect(key).toMatch(/^lrk_int_/);
  const { items } = await call('listAccessKeys', {});
  expect(items).toEqual([created]);
  expect(JSON.stringify(items)).not.toContain(key.slice(8, 40));
  expect(JSON.stringify(items)).not.toContain(room.configuration.accessKeyOf(key)?.hash);
});

test('secrets of a lost key file are told apart from missing ones', async () => {
  await call('addUpdateDeveloperAuthentication', {
    lab_id: 1,
    name: 'Partner',
    kind: 'bearer',
    keys: { token: 'tok' },
  });
  room.db.exec(`UPDATE developer_authentication SET sealed_keys = '{"token":"v1.AAAA"}'`);
  const again = configurationHandlers(await room.restart());
  const { items } = await again.getDeveloperAuthentication({}, anna);
  expect(items).toMatchObject([{ keys: { token: '••••' }, hints: {}, secrets_readable: false }]);
});

test('an integration is disabled and enabled without touching anything else', async () => {
  const { notices: _, ...before } = await call('addUpdateWebhookIntegration', {
    organization_id: 10,
    action_category_list_id: 9,
    name: 'Reports',
    end_point: 'http://127.0.0.1:9000/reports',
  });
  const input = { lab_integration_id: 1, is_active: false, expected_version: 1 };
  expect(await call('setIntegrationEnabled', input)).toEqual({
    ...before,
    is_active: false,
    version: 2,
    notices: [expect.stringMatching(/disabled/)],
  });
  await expect(call('setIntegrationEnabled', input)).rejects.toMatchObject({ code: 'STALE_WRITE' });
});

test('labs, organizations, categories, keys and settings are listed and changed', async () => {
  expect((await call('listLabs', { organization_id: 10 })).items.map((lab) => lab.lab_id)).toEqual([
    1, 2,
  ]);
  expect(await call('listOrganizations', {})).toEqual({
    items: [{ organization_id: 10, name: 'North group' }],
  });
  const own = await call('addUpdateActionCategory', { code: 'HOME_VISIT', name: 'Home visit' });
  expect(own).toMatchObject({
    action_category_list_id: 1_000,
    is_built_in: false,
    is_active: true,
  });
  const { items } = await call('getActionCategoryList', { is_active: true });
  expect(items.map((one) => one.code)).toEqual(
    expect.arrayContaining(['BILL_GENERATED', 'HOME_VISIT']),
  );
  const { access_key_id } = await call('createAccessKey', {
    kind: 'inbound',
    name: 'LIS',
    lab_ids: [1],
  });
  expect(await call('revokeAccessKey', { access_key_id })).toMatchObject({
    lab_ids: [1],
    routes: null,
    revoked_at: '2023-11-14T22:13:20.000Z',
  });
  expect((await call('listAccessKeys', {})).items).toEqual([]);
  expect((await call('listAccessKeys', { include_revoked: true })).items).toHaveLength(1);
  await call('updateSettings', { callback_transport: 'http' });
  expect(await call('getSettings', {})).toEqual({
    callback_transport: 'http',
    max_concurrency: 64,
    event_rate_limit: 600_000,
    callback_rate_limit: 600_000,
    console_rate_limit: 6_000,
    delivery_paused: null,
    backup_schedule: '30 2 * * *',
    backup_keep: 7,
    backup_folder: null,
    session_hours: 12,
    session_idle_minutes: 60,
    legacy_callbacks_enabled: true,
  });
});

test('a pause of deliveries is kept with who wanted it and why, until it is ended', async () => {
  const { delivery_paused: pause } = await call('setDeliveryPaused', {
    paused: true,
    reason: 'partner moves house',
  });
  expect(pause).toEqual({
    since: expect.any(String),
    by: 'Anna',
    reason: 'partner moves house',
  });
  expect((await call('getSettings', {})).delivery_paused).toEqual(pause);
  // What a restart would find.
  expect((await room.restart()).settings.deliveryPaused).toMatchObject({ by: 'Anna' });
  // Paused once more it has been paused since the first time.
  expect((await call('setDeliveryPaused', { paused: true })).delivery_paused).toEqual(pause);
  expect(await call('setDeliveryPaused', { paused: false })).toEqual({ delivery_paused: null });
});

test.each([
  [{ backup_schedule: 'every night' }, 'backup_schedule: must be a cron expression'],
  [{ backup_schedule: '30 2 * * * *' }, 'backup_schedule: must be a cron expression'],
  [{ backup_folder: 'elsewhere' }, 'backup_folder: must be a whole path'],
  [{ backup_keep: 0 }, 'backup_keep: must be a whole number from 1'],
])('settings of backups are checked: %j', async (change, refusal) => {
  await expect(call('updateSettings', change)).rejects.toThrow(refusal);
  expect((await call('getSettings', {})).backup_keep).toBe(7);
});

test('scheduled backups are switched off with null', async () => {
  expect((await call('updateSettings', { backup_schedule: null })).backup_schedule).toBeNull();
});
