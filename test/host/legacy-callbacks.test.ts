import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { call, configureLab, host, partner, post } from './hosting.ts';

const ROUTE = '/integration_status_callback/';
const JIO = '/jio_integration_status_callback/';
/** Stands for everything that is a patient's. */
const MARK = 'Zqxverma';
const SECRET = 'token-of-the-partner';

let running: Host;
let peer: Awaited<ReturnType<typeof partner>>;
let token: Record<string, string>;
let viewer: Record<string, string>;
let lis: Record<string, string>;

beforeAll(async () => {
  peer = await partner();
  running = await host();
  const { key, rule } = await configureLab(running, peer.url);
  lis = { authorization: `Bearer ${key}` };
  const authentication = await call(running, 'addUpdateDeveloperAuthentication', {
    lab_id: 7,
    name: 'partner',
    kind: 'bearer',
    keys: { token: SECRET },
  });
  await call(running, 'addUpdateWebhookIntegration', {
    lab_integration_id: rule.lab_integration_id,
    developer_authentication_id: authentication.developer_authentication_id,
  });
  await call(running, 'addUpdateLab', { lab_id: 8, name: 'Other Lab', time_zone: 'UTC' });
  const internal = await call(running, 'createAccessKey', { kind: 'internal', name: 'Old Jio' });
  token = { 'x-internal-token': internal.key };
  const vera = { kind: 'user', name: 'Vera', role: 'viewer' } as const;
  viewer = { authorization: `Bearer ${(await call(running, 'createAccessKey', vera)).key}` };
});
afterAll(async () => {
  await running.close();
  await peer.close();
});

/** A bill that was sent. @returns the log of its delivery */
async function bill(billId: number | string, lab = 7): Promise<string> {
  const patient = { patient_id: `P-${billId}`, name: `${MARK} Asha` };
  const answer = await post(
    running,
    '/billing/',
    { lab_id: lab, action_category: 'BILL_GENERATED', bill: { bill_id: billId, patient } },
    lis,
  );
  const { log_ids } = (await answer.json()) as { log_ids: string[] };
  return log_ids[0] ?? '';
}

async function told(route: string, body: unknown, headers = token) {
  const answer = await post(running, route, body, headers);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const logOf = (logId: string) => call(running, 'getLog', { log_id: logId });
const inClear = (logId: string) => call(running, 'revealLog', { log_id: logId });

describe('an older integration’s callback', () => {
  test('is noted with the log that it names, and changes nothing of it', async () => {
    const logId = await bill(1);
    const before = await vi.waitFor(async () => {
      const log = await logOf(logId);
      expect(log.status).toBe('SUCCESS');
      return log;
    });
    const body = {
      data: { log_id: logId },
      status: 'FAILED',
      code: 500,
      message: `${MARK} not found`,
    };
    expect(await told(JIO, body)).toEqual({
      status: 200,
      body: { log_ids: [logId], objects: [], changed: true },
    });
    const after = await inClear(logId);
    const { activity } = after;
    expect(activity).toEqual([
      {
        at: expect.any(String),
        actor: 'Old Jio',
        kind: 'LEGACY_STATUS',
        note: `A Jio integration reported status FAILED, code 500 (${JIO}). It changes nothing; the detail has all of it.`,
        detail: { route: JIO, body },
      },
    ]);
    const { status, certainty, stage, attempts, updated_at } = await logOf(logId);
    expect({ status, certainty, stage, updated_at }).toEqual({
      status: before.status,
      certainty: before.certainty,
      stage: before.stage,
      updated_at: before.updated_at,
    });
    expect(attempts).toEqual(before.attempts);
  });

  test('can be read whatever of a partner’s is masked in it', async () => {
    const [rule] = (await call(running, 'listLabIntegrations', { lab_id: 7 })).items;
    const { lab_integration_id = 0, developer_authentication_id } = rule ?? {};
    // As a number, a name, and where JSON writes it behind its own escape.
    const words = {
      phone: 4_711_471_147,
      'nobody-knows': ['a nobody-knows'],
      text: '\nobody-knows',
    };
    for (const [secret, kept] of [
      ['4711471147', { ...words, phone: '••••' }],
      ['nobody-knows', { phone: words.phone, '••••': ['a ••••'], text: words.text }],
    ] as const) {
      const authentication = await call(running, 'addUpdateDeveloperAuthentication', {
        lab_id: 7,
        name: secret,
        kind: 'bearer',
        keys: { token: secret },
      });
      const use = (id: number | null | undefined) =>
        call(running, 'addUpdateWebhookIntegration', {
          lab_integration_id,
          developer_authentication_id: id ?? null,
        });
      await use(authentication.developer_authentication_id);
      const log_id = await bill(`masked ${secret}`);
      expect(await told(ROUTE, { log_id, ...words })).toMatchObject({ status: 200 });
      const { activity } = await inClear(log_id);
      await use(developer_authentication_id);
      expect(activity).toMatchObject([{ detail: { route: ROUTE, body: { log_id, ...kept } } }]);
    }
  });

  test('shows its sender’s words to nobody who may not see a patient’s', async () => {
    const logId = await bill(2);
    await told(ROUTE, { log_id: logId, status: `${MARK} is ill`, [`of ${MARK}`]: 1, note: MARK });
    const shown = await post(running, procedurePath('getLog'), { log_id: logId }, viewer);
    const text = await shown.text();
    expect(text).toContain('reported a status in its own words');
    expect(text).not.toContain(MARK);
    expect(JSON.stringify(await inClear(logId))).toContain(`${MARK} is ill`);
  });

  test('keeps no credential, neither by its name nor by its value', async () => {
    const logId = await bill(3);
    await told(ROUTE, {
      log_id: logId,
      access_token: 'abc-not-to-be-kept',
      echo: `Bearer ${SECRET}`,
    });
    const text = JSON.stringify(await inClear(logId));
    expect(text).toContain('LEGACY_STATUS');
    expect(text).not.toContain('abc-not-to-be-kept');
    expect(text).not.toContain(SECRET);
  });

  test('is noted once, however often it is repeated at once', async () => {
    const logId = await bill(4);
    const body = { log_id: logId, status: 'OK' };
    const answers = await Promise.all([1, 2, 3].map(() => told(ROUTE, body)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.filter((answer) => answer.body['changed'] === true)).toHaveLength(1);
    expect((await told(ROUTE, { ...body, status: 'FAILED' })).body).toMatchObject({
      changed: true,
    });
    expect((await logOf(logId)).activity).toHaveLength(2);
  });

  test('may be a form', async () => {
    const logId = await bill(5);
    const form = new URLSearchParams({ 'data[log_id]': logId, status: 'success' });
    const headers = { ...token, 'content-type': 'application/x-www-form-urlencoded' };
    expect(await told(ROUTE, form.toString(), headers)).toMatchObject({
      status: 200,
      body: { log_ids: [logId] },
    });
    expect((await logOf(logId)).activity[0]?.note).toContain('status success');
    // On the callback route itself it is as little taken as before.
    expect(await told('/integration_callback/', form.toString(), headers)).toMatchObject({
      status: 415,
    });
  });

  test('is cut where it is long', async () => {
    const logId = await bill(6);
    expect(await told(ROUTE, { log_id: logId, text: 'x'.repeat(100_000) })).toMatchObject({
      status: 200,
    });
    const [note] = (await inClear(logId)).activity;
    expect(note?.detail).toMatchObject({ characters: expect.any(Number) });
    expect(note?.detail?.['body_cut']).toHaveLength(16 * 1024);
    const large = { log_id: logId, text: 'x'.repeat(1024 * 1024) };
    expect(await told(ROUTE, large)).toMatchObject({ status: 413 });
  });

  test('is noted with the bill that it names, and shown with that bill’s deliveries', async () => {
    const logId = await bill('B-7');
    expect(await told(ROUTE, { billId: 'B-7', patient_id: 'P-B-7', status: 'RECEIVED' })).toEqual({
      status: 200,
      body: { log_ids: [], objects: [{ kind: 'bill', id: 'B-7' }], changed: true },
    });
    expect((await logOf(logId)).activity).toMatchObject([
      { kind: 'LEGACY_STATUS', detail: { body: { status: 'RECEIVED', patient_id: '••••' } } },
    ]);
    const later = await bill('B-7');
    expect((await logOf(later)).activity).toEqual([]);
    const asked = { lab_id: 7, kind: 'bill', id: 'B-7' } as const;
    expect(await call(running, 'listObjectNotes', asked)).toMatchObject({
      items: [{ actor: 'Old Jio', detail: { body: { patient_id: '••••' } } }],
    });
    expect(await call(running, 'listObjectNotes', { ...asked, in_clear: true })).toMatchObject({
      items: [{ detail: { body: { patient_id: 'P-B-7' } } }],
    });
  });

  test('about a patient alone is for operators to see', async () => {
    await bill('B-8');
    expect(await told(ROUTE, { lab_id: 7, patient_id: 'P-B-8', status: 'ok' })).toMatchObject({
      body: { objects: [{ kind: 'patient', id: 'P-B-8' }] },
    });
    const asked = { lab_id: 7, kind: 'patient', id: 'P-B-8' } as const;
    expect((await call(running, 'listObjectNotes', asked)).items).toHaveLength(1);
    const refused = await post(running, procedurePath('listObjectNotes'), asked, viewer);
    expect(refused.status).toBe(403);
    const bare = { lab_id: 7, kind: 'bill', id: 'B-8', in_clear: true };
    expect((await post(running, procedurePath('listObjectNotes'), bare, viewer)).status).toBe(403);
  });

  test('about what several labs have must name one', async () => {
    await bill('B-9');
    await bill('B-9', 8);
    expect(await told(ROUTE, { bill_id: 'B-9' })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'lab_id', reason: expect.stringContaining('name its lab_id') }] },
    });
    expect(await told(ROUTE, { bill_id: 'B-9', lab_id: '8' })).toMatchObject({ status: 200 });
    expect(
      (await call(running, 'listObjectNotes', { lab_id: 7, kind: 'bill', id: 'B-9' })).items,
    ).toEqual([]);
  });

  test.each([
    ['names nothing', { status: 'OK' }, 422, 'log_id'],
    ['is no object', [1], 422, ''],
    ['names a log that is not known', { log_id: 'nobody' }, 404, 'log_id'],
    ['names a bill that is not known', { lab_id: 7, bill_id: 'nobody' }, 404, 'bill_id'],
  ])('that %s is refused, with the cure', async (_, body, status, field) => {
    const answer = await told(ROUTE, body);
    expect(answer).toMatchObject({
      status,
      body: { errors: [{ field, reason: expect.stringMatching(/name the log|must be/) }] },
    });
  });

  test('needs the internal token', async () => {
    expect(await told(ROUTE, { log_id: 'x' }, {})).toMatchObject({ status: 401 });
    expect(await told(ROUTE, { log_id: 'x' }, lis)).toMatchObject({ status: 401 });
  });

  test('is documented as legacy', async () => {
    const document = (await (await fetch(`${running.url}/openapi.json`)).json()) as {
      paths: Record<
        string,
        { post: Record<string, unknown> & { requestBody: { content: object } } }
      >;
    };
    for (const route of [ROUTE, JIO]) {
      expect(document.paths[route]?.post).toMatchObject({ deprecated: true });
      expect(Object.keys(document.paths[route]?.post.requestBody.content ?? {})).toEqual([
        'application/json',
        'application/x-www-form-urlencoded',
      ]);
    }
  });

  test('can be switched off', async () => {
    const logId = await bill(10);
    await call(running, 'updateSettings', { legacy_callbacks_enabled: false });
    expect(await call(running, 'getSettings', {})).toMatchObject({
      legacy_callbacks_enabled: false,
    });
    expect(await told(ROUTE, { log_id: logId })).toMatchObject({
      status: 410,
      body: { code: 'SWITCHED_OFF', detail: expect.stringContaining('legacy_callbacks_enabled') },
    });
    expect((await logOf(logId)).activity).toEqual([]);
    await call(running, 'updateSettings', { legacy_callbacks_enabled: true });
    expect(await told(ROUTE, { log_id: logId })).toMatchObject({ status: 200 });
  });
});
