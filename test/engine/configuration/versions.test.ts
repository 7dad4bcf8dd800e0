import { beforeEach, describe, expect, test } from 'vitest';
import { fieldError } from '../../../src/shared/errors.ts';
import type { LabIntegration } from '../../../src/shared/model/configuration.ts';
import { openRoom, type Room, RULE } from './room.ts';

let room: Room;
let rule: LabIntegration;
/** What the mapping check says; null: fine. */
let mappingFault: string | null;
let tried: string[];

beforeEach(async () => {
  mappingFault = null;
  tried = [];
  room = await openRoom(async ({ field, expression }) => {
    tried.push(expression);
    if (mappingFault !== null) throw fieldError('MAPPING_FAILED', field, mappingFault);
  });
  const saved = await room.configuration.saveLabIntegration(
    { ...RULE, labId: 1, mapping: '{ "first": true }', timeoutMs: 1_000 },
    'Asha',
  );
  rule = saved.integration;
});

const save = async (
  change: Parameters<Room['configuration']['saveLabIntegration']>[0],
  by = 'Ravi',
) =>
  (
    await room.configuration.saveLabIntegration(
      { labIntegrationId: rule.labIntegrationId, ...change },
      by,
    )
  ).integration;
const rollback = async (
  version: number,
  more: { reason?: string; expectedVersion?: number } = {},
) =>
  (
    await room.configuration.rollbackIntegration(
      {
        labIntegrationId: rule.labIntegrationId,
        version,
        reason: more.reason ?? null,
        expectedVersion: more.expectedVersion,
      },
      'Meera',
    )
  ).integration;
const versions = (before: number | null = null, limit = 10) =>
  room.configuration.integrationVersions(rule.labIntegrationId, before, limit);

describe('the versions of an integration', () => {
  test('are listed newest first, with who made each and the settings before it', async () => {
    await save({ timeoutMs: 2_000 });
    await save({ endPoint: 'https://partner.example/new' }, 'Meera');
    const [third, second, first] = await versions();
    expect(third).toMatchObject({
      version: 3,
      changedBy: 'Meera',
      reason: null,
      settings: { endPoint: 'https://partner.example/new', timeoutMs: 2_000 },
      former: { endPoint: RULE.endPoint, timeoutMs: 2_000 },
    });
    expect(second).toMatchObject({ version: 2, changedBy: 'Ravi', former: { timeoutMs: 1_000 } });
    expect(first).toMatchObject({ version: 1, changedBy: 'Asha', former: null });
  });

  test('are listed by pages, of which each knows the one before it', async () => {
    for (const timeoutMs of [2_000, 3_000, 4_000]) await save({ timeoutMs });
    const page = await versions(null, 2);
    expect(page.map(({ version }) => version)).toEqual([4, 3]);
    expect(page.at(-1)?.former).toMatchObject({ timeoutMs: 2_000 });
    expect((await versions(3, 2)).map(({ version }) => version)).toEqual([2, 1]);
  });

  test('of an integration that there is not are refused', async () => {
    await expect(room.configuration.integrationVersions(99, null, 5)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'lab_integration_id' }],
    });
  });
});

describe('a rollback', () => {
  test('makes a new version with the former settings, and says so', async () => {
    await save({ timeoutMs: 2_000, mapping: '{ "second": true }', headers: { 'x-lab': '7' } });
    const back = await rollback(1, { reason: 'the new mapping loses the total' });
    expect(back).toMatchObject({
      version: 3,
      timeoutMs: 1_000,
      mapping: '{ "first": true }',
      headers: {},
    });
    expect((await versions())[0]).toMatchObject({
      changedBy: 'Meera',
      reason: 'rolled back to version 1: the new mapping loses the total',
    });
    // It is what a restart loads.
    const again = await room.restart();
    expect(again.integration(rule.labIntegrationId)).toEqual(back);
  });

  test('keeps whether the rule is active, and who owns it', async () => {
    await save({ isActive: false, timeoutMs: 2_000 });
    expect(await rollback(1)).toMatchObject({ isActive: false, labId: 1, timeoutMs: 1_000 });
  });

  test('tries the mapping again, though it was saved before', async () => {
    await save({ mapping: '{ "second": true }' });
    tried = [];
    mappingFault = 'calls $gone, which there is not';
    await expect(rollback(1)).rejects.toMatchObject({ code: 'MAPPING_FAILED' });
    expect(tried).toEqual(['{ "first": true }']);
    expect(room.configuration.integration(rule.labIntegrationId)?.version).toBe(2);
  });

  test('is checked as any save: to credentials that are another’s by now it is refused', async () => {
    const authentication = await room.configuration.saveDeveloperAuthentication({
      organizationId: 10,
      name: 'Partner',
      kind: 'bearer',
      keys: { token: 'abcdefgh12345678' },
    });
    const { developerAuthenticationId } = authentication;
    await save({ developerAuthenticationId });
    await save({ developerAuthenticationId: null });
    // The lab leaves the organization whose credentials these are.
    await room.configuration.saveLab({ labId: 1, organizationId: null });
    await expect(rollback(2)).rejects.toMatchObject({
      errors: [{ field: 'developer_authentication_id' }],
    });
  });

  test('to a version that there is not is refused; a stale one too', async () => {
    await expect(rollback(7)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'version' }],
    });
    await save({ timeoutMs: 2_000 });
    await expect(rollback(1, { expectedVersion: 1 })).rejects.toMatchObject({
      code: 'STALE_WRITE',
    });
  });
});
