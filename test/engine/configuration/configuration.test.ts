import { beforeEach, expect, test } from 'vitest';
import type { ConfigurationChange } from '../../../src/main/engine/configuration/changes.ts';
import { Configuration } from '../../../src/main/engine/configuration/configuration.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';
import { DEFAULT_SETTINGS } from '../../../src/shared/model/configuration.ts';
import { asPort, openRoom, openStore, RULE, type Room } from './room.ts';

let room: Room;

beforeEach(async () => {
  room = await openRoom();
});

test('listeners hear of a change once it is committed; one that throws disturbs nobody', async () => {
  const heard: [ConfigurationChange, string | undefined][] = [];
  room.configuration.onChange(() => {
    throw new Error('bad listener');
  });
  const stop = room.configuration.onChange((change) => {
    heard.push([change, room.configuration.integration(change.id ?? 0)?.name]);
  });
  await room.configuration.saveLabIntegration({ ...RULE, labId: 1 }, 'anna');
  expect(heard).toEqual([[{ kind: 'lab_integration', id: 1 }, 'Bills']]);
  expect(room.reported).toEqual([new Error('bad listener')]);
  await expect(room.configuration.saveLab({ labId: 99, organizationId: 77 })).rejects.toThrow();
  stop();
  await room.configuration.saveSettings({ maxConcurrency: 2 });
  expect(heard).toHaveLength(1);
});

test('a store that cannot write leaves memory as it was and harms no later change', async () => {
  const port = asPort(openStore());
  let broken = true;
  const configuration = new Configuration({
    store: {
      ...port,
      saveLab: async (lab) => {
        if (broken) throw new LabRelayError('STORE_UNAVAILABLE', 'The disk is full.');
        return port.saveLab(lab);
      },
    },
    vault: { seal: (plain) => plain, open: (sealed) => sealed },
    clock: () => 0,
    checkMapping: async () => {},
  });
  await configuration.start();
  await expect(configuration.saveLab({ labId: 1, name: 'Lab' })).rejects.toMatchObject({
    status: 503,
  });
  expect(configuration.lab(1)).toBeUndefined();
  broken = false;
  await configuration.saveLab({ labId: 1, name: 'Lab' });
  expect(configuration.lab(1)).toMatchObject({ name: 'Lab', timeZone: 'UTC', isActive: true });
});

test('nothing is answered before the start', () => {
  const configuration = new Configuration({
    store: asPort(openStore()),
    vault: { seal: (plain) => plain, open: (sealed) => sealed },
    clock: () => 0,
    checkMapping: async () => {},
  });
  expect(() => configuration.lab(1)).toThrow(/before it was started/);
});

test('labs keep what an update leaves out', async () => {
  await room.configuration.saveLab({ labId: 1, timeZone: 'Asia/Kolkata' });
  expect(await room.configuration.saveLab({ labId: 1, isActive: false })).toEqual({
    labId: 1,
    name: 'Main lab',
    organizationId: 10,
    timeZone: 'Asia/Kolkata',
    isActive: false,
    domainSource: null,
  });
  await expect(room.configuration.saveLab({ labId: 50 })).rejects.toMatchObject({
    errors: [{ field: 'name' }],
  });
  await expect(room.configuration.saveLab({ labId: 1, organizationId: 77 })).rejects.toMatchObject({
    errors: [{ field: 'organization_id', reason: expect.stringMatching(/addUpdateOrganization/) }],
  });
});

test('own categories are found by code and id; codes stay for good', async () => {
  const own = await room.configuration.saveActionCategory({
    code: 'HOME_VISIT',
    name: 'Home visit',
  });
  expect(room.configuration.actionCategory('HOME_VISIT')).toEqual(own);
  expect(room.configuration.actionCategoryById(own.actionCategoryListId)).toEqual(own);
  const actionCategoryListId = own.actionCategoryListId;
  await room.configuration.saveActionCategory({ actionCategoryListId, name: 'Visit at home' });
  expect(room.configuration.actionCategory('HOME_VISIT')?.name).toBe('Visit at home');
  await expect(
    room.configuration.saveActionCategory({ actionCategoryListId, code: 'OTHER' }),
  ).rejects.toMatchObject({
    errors: [{ field: 'code', reason: expect.stringMatching(/for good/) }],
  });
  await expect(
    room.configuration.saveActionCategory({ code: 'BILL_GENERATED', name: 'x' }),
  ).rejects.toMatchObject({ code: 'NAME_TAKEN', status: 409 });
  await expect(
    room.configuration.saveActionCategory({ actionCategoryListId: 500, name: 'x' }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('settings are changed one by one and outlive a restart', async () => {
  expect(room.configuration.settings).toEqual(DEFAULT_SETTINGS);
  await room.configuration.saveSettings({ callbackTransport: 'http' });
  await room.configuration.saveSettings({ maxConcurrency: 5 });
  const wanted = { ...DEFAULT_SETTINGS, callbackTransport: 'http', maxConcurrency: 5 };
  expect(room.configuration.settings).toEqual(wanted);
  expect((await room.restart()).settings).toEqual(wanted);
});

test('lists answer every filter', async () => {
  const { configuration } = room;
  for (const owner of [{ labId: 1 }, { organizationId: 10 }, { labId: 3 }]) {
    const row = await configuration.saveDeveloperAuthentication({
      ...owner,
      name: 'P',
      kind: 'none',
    });
    const developerAuthenticationId = row.developerAuthenticationId;
    await configuration.saveLabIntegration(
      { ...RULE, ...owner, developerAuthenticationId },
      'anna',
    );
  }
  await configuration.saveLabIntegration(
    { ...RULE, labId: 1, isActive: false, actionCategoryListId: 2 },
    'anna',
  );
  const rules = (filter: Parameters<typeof configuration.lists.integrations>[0]) =>
    configuration.lists.integrations(filter).map((rule) => rule.labIntegrationId);
  expect(rules({})).toEqual([1, 2, 3, 4]);
  expect(rules({ labId: 1 })).toEqual([1, 2, 4]);
  expect(rules({ labId: 2 })).toEqual([2]);
  expect(rules({ organizationId: 10 })).toEqual([2]);
  expect(rules({ developerAuthenticationId: 3 })).toEqual([3]);
  expect(rules({ actionCategoryListId: 2 })).toEqual([4]);
  expect(rules({ isActive: true, labId: 1 })).toEqual([1, 2]);
  expect(rules({ labId: 99 })).toEqual([]);
  const authentications = (filter: Parameters<typeof configuration.lists.authentications>[0]) =>
    configuration.lists.authentications(filter).map((one) => one.developerAuthenticationId);
  expect(authentications({ labId: 2 })).toEqual([2]);
  expect(authentications({ developerAuthenticationId: 3 })).toEqual([3]);
  expect(() => authentications({ developerAuthenticationId: 9 })).toThrow(
    /no developer authentication 9/,
  );
  expect(configuration.lists.labs({ organizationId: 10 }).map((lab) => lab.labId)).toEqual([1, 2]);
});
