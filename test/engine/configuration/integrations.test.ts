import { rootCertificates } from 'node:tls';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type {
  CheckMapping,
  IntegrationChange,
} from '../../../src/main/engine/configuration/integrations.ts';
import { fieldError } from '../../../src/shared/errors.ts';
import { NEW_INTEGRATION } from '../../../src/shared/model/integration-defaults.ts';
import { clientIdentity, hasOpenssl } from '../dispatch/certificates.ts';
import { openRoom, RULE, type Room } from './room.ts';

let room: Room;
const checkMapping = vi.fn<CheckMapping>();

beforeEach(async () => {
  checkMapping.mockReset().mockResolvedValue();
  room = await openRoom(checkMapping);
});

const save = (change: IntegrationChange) => room.configuration.saveLabIntegration(change, 'anna');
const saveOwn = (change: IntegrationChange = {}) => save({ ...RULE, labId: 1, ...change });

/** Asserts that a save is refused and left no trace. */
async function refused(
  change: IntegrationChange,
  field: string,
  reason: RegExp,
  code = 'INVALID_INPUT',
) {
  const before = room.configuration.lists.integrations();
  await expect(save(change)).rejects.toMatchObject({
    code,
    errors: [{ field, reason: expect.stringMatching(reason) }],
  });
  expect(room.configuration.lists.integrations()).toEqual(before);
  expect((await room.restart()).lists.integrations()).toEqual(before);
}

const addAuthentication = (owner: { labId?: number; organizationId?: number }) =>
  room.configuration.saveDeveloperAuthentication({ ...owner, name: 'P', kind: 'none' });

const withCa = (ca: string) => ({
  ...RULE,
  labId: 1,
  integrationExtraDetails: { tls: { ca } },
});

describe('a new integration', () => {
  test('gets the documented default for every field left out', async () => {
    const { integration, notices } = await saveOwn();
    expect(integration).toEqual({
      ...NEW_INTEGRATION,
      ...RULE,
      labId: 1,
      organizationId: null,
      labIntegrationId: 1,
      version: 1,
      createdAt: room.time.now,
      updatedAt: room.time.now,
    });
    expect(notices).toEqual([]);
  });

  test.each([
    ['name', { name: undefined }],
    ['end_point', { endPoint: undefined }],
    ['action_category_list_id', { actionCategoryListId: undefined }],
  ])('needs %s', async (field, change) => {
    await refused({ ...RULE, labId: 1, ...change }, field, /is needed to add an integration/);
  });

  test('needs exactly one owner, and one that exists', async () => {
    await refused(RULE, 'lab_id', /either lab_id or organization_id/);
    await refused({ ...RULE, labId: 1, organizationId: 10 }, 'lab_id', /only one/);
    await refused({ ...RULE, labId: 99 }, 'lab_id', /add it first/, 'UNKNOWN_LAB');
    await refused({ ...RULE, organizationId: 99 }, 'organization_id', /add it first/);
  });

  test('needs a category that exists', async () => {
    const change = { ...RULE, labId: 1, actionCategoryListId: 99 };
    await refused(
      change,
      'action_category_list_id',
      /no action category 99/,
      'UNKNOWN_ACTION_CATEGORY',
    );
  });
});

describe('an update', () => {
  test('keeps what it leaves out, in one more version', async () => {
    await saveOwn({ headers: { 'X-Site': '7' }, retryPolicy: { jitter: 0.5 }, mapping: 'bill' });
    room.time.now += 1_000;
    const { integration } = await save({
      labIntegrationId: 1,
      timeoutMs: 5_000,
      retryPolicy: { retry5xx: false },
    });
    expect(integration).toMatchObject({
      name: 'Bills',
      headers: { 'X-Site': '7' },
      mapping: 'bill',
      timeoutMs: 5_000,
      retryPolicy: { ...NEW_INTEGRATION.retryPolicy, jitter: 0.5, retry5xx: false },
      version: 2,
      createdAt: room.time.now - 1_000,
      updatedAt: room.time.now,
    });
    expect((await room.restart()).integration(1)).toEqual(integration);
  });

  test('clears by null what may be empty', async () => {
    await saveOwn({ mapping: 'bill', orderingKey: 'bill.bill_id', ratePerMinute: 5 });
    const { integration } = await save({
      labIntegrationId: 1,
      mapping: null,
      orderingKey: null,
      ratePerMinute: null,
    });
    expect(integration).toMatchObject({ mapping: null, orderingKey: null, ratePerMinute: null });
  });

  test('that is stale is refused with the current version', async () => {
    await saveOwn();
    await save({ labIntegrationId: 1, name: 'two', expectedVersion: 1 });
    await refused(
      { labIntegrationId: 1, name: 'late', expectedVersion: 1 },
      'expected_version',
      /current version is 2; read it again/,
      'STALE_WRITE',
    );
  });

  test('of the same version by two people: the first wins, the second is stale', async () => {
    await saveOwn();
    const results = await Promise.allSettled([
      save({ labIntegrationId: 1, name: 'a', expectedVersion: 1 }),
      save({ labIntegrationId: 1, name: 'b', expectedVersion: 1 }),
    ]);
    expect(results.map((one) => one.status)).toEqual(['fulfilled', 'rejected']);
    expect(room.configuration.integration(1)).toMatchObject({ name: 'a', version: 2 });
  });

  test('of different fields by two people at once loses neither', async () => {
    await saveOwn();
    await Promise.all([
      save({ labIntegrationId: 1, name: 'a' }),
      save({ labIntegrationId: 1, timeoutMs: 900 }),
    ]);
    expect(room.configuration.integration(1)).toMatchObject({
      name: 'a',
      timeoutMs: 900,
      version: 3,
    });
  });

  test('of an unknown one, or to another owner, is refused', async () => {
    await saveOwn();
    await refused(
      { labIntegrationId: 9, name: 'x' },
      'lab_integration_id',
      /no integration 9/,
      'NOT_FOUND',
    );
    await refused({ labIntegrationId: 1, labId: 2 }, 'lab_id', /owner is fixed/);
    await refused({ labIntegrationId: 1, organizationId: 10 }, 'organization_id', /owner is fixed/);
  });
});

describe('credentials', () => {
  test('a lab uses its own and its organization’s, an organization its own', async () => {
    await addAuthentication({ labId: 1 });
    await addAuthentication({ organizationId: 10 });
    await saveOwn({ developerAuthenticationId: 1 });
    await saveOwn({ developerAuthenticationId: 2 });
    await save({ ...RULE, organizationId: 10, developerAuthenticationId: 2 });
    const field = 'developer_authentication_id';
    await refused({ ...RULE, labId: 2, developerAuthenticationId: 1 }, field, /someone else/);
    await refused({ ...RULE, labId: 3, developerAuthenticationId: 2 }, field, /someone else/);
    await refused(
      { ...RULE, organizationId: 10, developerAuthenticationId: 1 },
      field,
      /someone else/,
    );
    await refused({ ...RULE, labId: 1, developerAuthenticationId: 9 }, field, /add it first/);
  });

  test('a lab cannot leave the organization whose credentials its rules use', async () => {
    await addAuthentication({ organizationId: 10 });
    await saveOwn({ developerAuthenticationId: 1 });
    await expect(
      room.configuration.saveLab({ labId: 1, organizationId: null }),
    ).rejects.toMatchObject({
      errors: [{ field: 'organization_id', reason: expect.stringMatching(/integrations 1 use/) }],
    });
    await save({ labIntegrationId: 1, developerAuthenticationId: null });
    await expect(
      room.configuration.saveLab({ labId: 1, organizationId: null }),
    ).resolves.toMatchObject({ organizationId: null });
  });

  test('signing needs a signing secret', async () => {
    await addAuthentication({ labId: 1 });
    await refused({ ...RULE, labId: 1, signing: true }, 'signing', /signing_secret/);
    const change = { ...RULE, labId: 1, developerAuthenticationId: 1, signing: true };
    await refused(change, 'signing', /signing_secret/);
  });
});

describe('the mapping', () => {
  test('is tried before the save, with the category’s code; a failing one is refused', async () => {
    checkMapping.mockRejectedValue(fieldError('MAPPING_FAILED', 'mapping', 'ran out of time'));
    const change = { ...RULE, labId: 1, mapping: '$loop()' };
    await refused(change, 'mapping', /ran out of time/, 'MAPPING_FAILED');
    expect(checkMapping).toHaveBeenCalledExactlyOnceWith({
      field: 'mapping',
      expression: '$loop()',
      actionCategory: 'BILL_GENERATED',
      method: 'POST',
      checkData: null,
    });
  });

  test('is tried again only when it or the category changes', async () => {
    await saveOwn({ mapping: 'bill' });
    await save({ labIntegrationId: 1, mapping: 'bill', name: 'renamed' });
    await save({ labIntegrationId: 1, isActive: false });
    expect(checkMapping).toHaveBeenCalledTimes(1);
    await save({ labIntegrationId: 1, actionCategoryListId: 2 });
    const tried = {
      field: 'mapping',
      expression: 'bill',
      actionCategory: 'BILL_UPDATED',
      checkData: null,
    } as const;
    expect(checkMapping).toHaveBeenLastCalledWith({ ...tried, method: 'POST' });
    await save({ labIntegrationId: 1, method: 'GET' });
    expect(checkMapping).toHaveBeenLastCalledWith({ ...tried, method: 'GET' });
    await save({ labIntegrationId: 1, method: 'PUT', mapping: null });
    expect(checkMapping).toHaveBeenCalledTimes(3);
  });

  test('is needed for a GET, which carries no body', async () => {
    await refused({ ...RULE, labId: 1, method: 'GET' }, 'mapping', /flat object/);
    await saveOwn();
    await refused({ labIntegrationId: 1, method: 'GET' }, 'mapping', /flat object/);
    await save({ labIntegrationId: 1, method: 'GET', mapping: '{"id": bill.bill_id}' });
    await refused({ labIntegrationId: 1, mapping: null }, 'mapping', /flat object/);
  });

  test('is tried on the data that are given, each time that some are, and they are not kept', async () => {
    const checkData = { bill: { bill_id: 1, ward: 'W3' } };
    await saveOwn({ mapping: 'bill.ward', checkData });
    const { integration } = await save({ labIntegrationId: 1, checkData });
    const tried = {
      field: 'mapping',
      expression: 'bill.ward',
      actionCategory: 'BILL_GENERATED',
      method: 'POST',
      checkData,
    } as const;
    expect(checkMapping.mock.calls).toEqual([[tried], [tried]]);
    expect(JSON.stringify(integration)).not.toContain('W3');
  });

  test('that cannot be tried (the evaluator died) refuses this save and no later one', async () => {
    checkMapping.mockRejectedValueOnce(new Error('no child'));
    await expect(saveOwn({ mapping: 'bill' })).rejects.toThrow('no child');
    await expect(saveOwn({ mapping: 'bill' })).resolves.toMatchObject({
      integration: { version: 1 },
    });
  });
});

describe('the ordering key', () => {
  test('is tried before the save like a mapping; a failing one is refused by its own name', async () => {
    checkMapping.mockRejectedValue(fieldError('MAPPING_FAILED', 'ordering_key', 'ran out of time'));
    const change = { ...RULE, labId: 1, orderingKey: '$loop()' };
    await refused(change, 'ordering_key', /ran out of time/, 'MAPPING_FAILED');
    expect(checkMapping).toHaveBeenCalledExactlyOnceWith({
      field: 'ordering_key',
      expression: '$loop()',
      actionCategory: 'BILL_GENERATED',
      method: 'POST',
      checkData: null,
    });
  });

  test('is tried again only when it or the category changes', async () => {
    await saveOwn({ orderingKey: 'bill.bill_id' });
    await save({ labIntegrationId: 1, orderingKey: 'bill.bill_id', name: 'renamed' });
    expect(checkMapping).toHaveBeenCalledTimes(1);
    await save({ labIntegrationId: 1, actionCategoryListId: 2 });
    expect(checkMapping).toHaveBeenLastCalledWith({
      field: 'ordering_key',
      expression: 'bill.bill_id',
      actionCategory: 'BILL_UPDATED',
      method: 'POST',
      checkData: null,
    });
    await save({ labIntegrationId: 1, orderingKey: null });
    expect(checkMapping).toHaveBeenCalledTimes(2);
  });
});

describe('what needs a parser', () => {
  test('certificates are read before they are stored', async () => {
    const [first = '', second = ''] = rootCertificates;
    const field = 'integrationExtraDetails.tls.ca';
    await expect(save(withCa(`${first}\n${second}\n`))).resolves.toBeDefined();
    await refused(withCa('hello'), field, /BEGIN CERTIFICATE/);
    await refused(withCa(first.replace(/\n[^\n]+\n/, '\n')), field, /certificate 1 cannot be read/);
    await refused(withCa(`${first}\n${second.slice(0, 300)}`), field, /broken parts/);
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';
    await refused(withCa(`${first}\n${key}`), field, /remove keys/);
  });

  test('the ordering key must parse', async () => {
    const change = { ...RULE, labId: 1, orderingKey: 'bill.(' };
    await refused(change, 'ordering_key', /is no JSONata expression/, 'MAPPING_FAILED');
  });

  test.each(['every day', '* * *', '61 * * * *', '0 * 22 * * *'])(
    'the quiet hours %j are no cron expression of five fields',
    async (expression) => {
      await refused(
        { ...RULE, labId: 1, retryPolicy: { quietHours: ['* 22-23 * * *', expression] } },
        'retry_policy.quiet_hours.1',
        /five fields/,
      );
    },
  );

  test.each([[['* * * * *']], [['* 0-11 * * *', '* 12-23 * * 1-5', '* 12-23 * * 0,6']]])(
    'the quiet hours %j come to an end',
    async (quietHours) => {
      await refused(
        { ...RULE, labId: 1, retryPolicy: { quietHours } },
        'retry_policy.quiet_hours',
        /nothing would ever be sent again; shorten them/,
      );
      // All of December ends.
      await saveOwn({ retryPolicy: { quietHours: ['* 0-22 * * *', '* * * 12 *'] } });
    },
  );
});

describe('notices', () => {
  test('name what is kept but takes effect later', async () => {
    const { integration, notices } = await saveOwn({
      orderingKey: 'bill.bill_id',
      onRefused: 'hold',
      onUnknown: 'hold',
      ratePerMinute: 60,
      responseSchema: { type: 'object' },
      retryPolicy: { schedule: [1_000], quietHours: ['* 22 * * *'] },
    });
    expect(integration.retryPolicy.schedule).toEqual([1_000]);
    expect(notices.map((notice) => notice.split(' ')[0])).toEqual(['response_schema']);
    for (const notice of notices) expect(notice).toMatch(/later version/);
  });

  test('say why a rule that was saved will not send', async () => {
    await room.configuration.saveDeveloperAuthentication({
      labId: 1,
      name: 'P',
      kind: 'none',
      isActive: false,
    });
    await room.configuration.saveLab({ labId: 1, isActive: false });
    await room.configuration.saveActionCategory({ actionCategoryListId: 1, isActive: false });
    expect((await saveOwn({ developerAuthenticationId: 1 })).notices).toEqual([
      expect.stringMatching(/Lab 1 is inactive/),
      expect.stringMatching(/BILL_GENERATED is inactive/),
      expect.stringMatching(/Developer authentication 1 is inactive/),
    ]);
    expect((await saveOwn({ isActive: false })).notices).toEqual([
      expect.stringMatching(/disabled/),
    ]);
  });
});

describe('targets', () => {
  const limitedTo = (...allowed_targets: string[]) => ({
    integrationExtraDetails: { allowed_targets },
  });

  test.each([
    ['http://169.254.169.254/latest', /metadata address/],
    ['http://2852039166/', /metadata address/],
    ['http://[::ffff:169.254.169.254]/', /metadata address/],
    ['https://[fe80::1]/', /link-local.*allowed_targets/],
    ['http://224.0.0.1/', /multicast/],
    ['http://0.0.0.0:80/', /no machine in particular/],
  ])('refuses %s when it is saved', async (endPoint, reason) => {
    await refused({ ...RULE, labId: 1, endPoint }, 'end_point', reason);
  });

  test('takes an allow-list, and holds the end point to it', async () => {
    const endPoint = 'http://10.2.0.5/';
    const { integration } = await saveOwn({ endPoint, ...limitedTo('10.2.0.0/16', 'mirth') });
    expect(integration.integrationExtraDetails).toEqual({
      allowed_targets: ['10.2.0.0/16', 'mirth'],
    });
    const { labIntegrationId } = integration;
    await refused({ labIntegrationId, endPoint: 'http://10.3.0.5/' }, 'end_point', /not among/);
    await refused({ labIntegrationId, ...limitedTo('mirth') }, 'end_point', /not among/);
  });

  test('refuses entries that are none, naming them', async () => {
    const bad = { ...RULE, labId: 1, ...limitedTo('127.0.0.1', '10.0.0.0/99') };
    await refused(bad, 'integrationExtraDetails.allowed_targets.1', /an address, a range/);
  });

  test('a link-local device is reached where the list names it on purpose', async () => {
    const endPoint = 'http://169.254.7.5/';
    await saveOwn({ endPoint, ...limitedTo('169.254.7.5') });
    const wide = { ...RULE, labId: 1, endPoint, ...limitedTo('0.0.0.0/0') };
    await refused(wide, 'end_point', /link-local/);
  });
});

describe('an integration that is left to outside workers', () => {
  test('is one of HTTP', async () => {
    expect((await saveOwn({ executor: 'external' })).integration.executor).toBe('external');
    const hl7 = { ...RULE, labId: 1, executor: 'external', transport: 'hl7' } as const;
    await refused(hl7, 'executor', /transport http only; use local/);
  });

  test.skipIf(!hasOpenssl)('shows no client certificate, which no worker is given', async () => {
    const { certificate, privateKey } = clientIdentity('lab-north');
    const { developerAuthenticationId } = await room.configuration.saveDeveloperAuthentication({
      labId: 1,
      name: 'P',
      kind: 'mtls',
      keys: { certificate, private_key: privateKey },
    });
    const rule = {
      ...RULE,
      labId: 1,
      endPoint: 'https://127.0.0.1:9/bills',
      developerAuthenticationId,
    };
    await refused({ ...rule, executor: 'external' }, 'executor', /use local, or other credentials/);
    const { integration } = await save(rule);
    await refused(
      { labIntegrationId: integration.labIntegrationId, executor: 'external' },
      'executor',
      /client certificate/,
    );
  });
});
