import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import type { CallInput, ProcedureName } from '../../src/shared/contract/index.ts';
import { closedPort } from '../engine/dispatch/peers.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';
import { slowPartner } from './slow-partner.ts';

const close: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

const REFUSED = { status: 422, body: '{"error":"total"}' };
const TAKEN = { status: 200, body: '{"ok":true}' };
const BROKEN = { status: 502, body: '' };
const NAME = 'Zebulon Quist';

type RetryInput = Omit<CallInput<'retryIntegration'>, 'log_id'>;
type Answer = typeof REFUSED;

let running: Host;
let answer: Answer;
let peer: Awaited<ReturnType<typeof partner>>;
let key: string;
let id: number;
let lab_id = 100;
let logId: string;

beforeAll(async () => {
  running = await host();
  ({ key } = await configureLab(running, 'http://127.0.0.1:9/'));
});
afterAll(() => running.close());

/** A lab of its own for each test, with one rule for new bills. */
beforeEach(async () => {
  answer = { ...REFUSED };
  peer = await partner(answer);
  close.push(() => peer.close());
  lab_id++;
  await call(running, 'addUpdateLab', { lab_id, name: `Lab ${lab_id}`, time_zone: 'UTC' });
  const { items } = await call(running, 'getActionCategoryList', {});
  const category = items.find(({ code }) => code === 'BILL_GENERATED');
  const made = await call(running, 'addUpdateWebhookIntegration', {
    lab_id,
    action_category_list_id: category?.action_category_list_id ?? 0,
    name: 'bills to the partner',
    end_point: peer.url,
    // The schedule is not what these tests are about.
    is_retry_enabled: false,
  });
  id = made.lab_integration_id;
});

const rule = (change: Partial<CallInput<'addUpdateWebhookIntegration'>>) =>
  call(running, 'addUpdateWebhookIntegration', { lab_integration_id: id, ...change });

const answerAs = (next: Answer) => Object.assign(answer, next);

async function bill(document: Record<string, unknown>): Promise<string> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await post(running, '/billing/', { lab_id, bill: document }, headers);
  const { log_ids } = (await response.json()) as { log_ids: string[] };
  return log_ids[0] ?? '';
}

/** A bill that the partner has answered as given. */
async function sentBill(first: Answer, certainty: string): Promise<void> {
  answerAs(first);
  logId = await bill({ bill_id: 1, total: 100, patient: { patient_id: 'P1', name: NAME } });
  await settled(certainty);
}

const settled = (certainty: string, attempts = 1) =>
  vi.waitFor(
    async () => {
      const log = await call(running, 'getLog', { log_id: logId });
      expect(log.attempts).toHaveLength(attempts);
      expect(log.attempts.at(-1)).toMatchObject({ certainty });
      return log;
    },
    { timeout: 10_000, interval: 20 },
  );

/** What a procedure answers, whatever it is. */
async function ask(name: ProcedureName, input: object, token = adminToken(running)) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await post(running, procedurePath(name), input, headers);
  return { status: response.status, problem: (await response.json()) as Record<string, unknown> };
}

const refusal = (input: RetryInput, token?: string) =>
  ask('retryIntegration', { log_id: logId, ...input }, token);
const retry = (input: RetryInput = {}) =>
  call(running, 'retryIntegration', { log_id: logId, ...input });
const preview = (input: Omit<CallInput<'previewRetry'>, 'log_id'> = {}) =>
  call(running, 'previewRetry', { log_id: logId, ...input });
const keys = () => peer.requests.map(({ headers }) => headers['webhook-id']);
const lastBody = () => JSON.parse(peer.requests.at(-1)?.body ?? 'null') as unknown;

/** A field error of a refusal. */
const told = (code: string, field: string, reason: RegExp) => ({
  code,
  errors: [{ field, reason: expect.stringMatching(reason) as string }],
});

describe('a refused bill', () => {
  beforeEach(() => sentBill(REFUSED, 'REFUSED'));

  test('that has not changed takes a reason, and goes again with its bytes and its key', async () => {
    expect(await preview()).toMatchObject({
      terms: 'REASON',
      obstacle: null,
      doubts: [{ doubt: 'REFUSED_UNCHANGED' }],
      now: { outcome: 'SAME', revision: 1, key: logId, objects_from: 'LOCAL' },
      differences: [],
    });
    expect(await refusal({})).toMatchObject({
      status: 422,
      problem: told('REASON_NEEDED', 'reason', /refused this message/),
    });
    answerAs(TAKEN);
    expect(await retry({ reason: 'the partner has mended it' })).toMatchObject({
      attempt_id: `${logId}_a2`,
      revision: 1,
      key: logId,
      body: 'SAME',
      objects_from: 'LOCAL',
      warnings: [expect.stringMatching(/refused this message/)],
      waits: null,
      retry_count: 1,
    });
    const log = await settled('ACCEPTED', 2);
    expect(keys()).toEqual([logId, logId]);
    expect(peer.requests[1]?.body).toBe(peer.requests[0]?.body);
    expect(log).toMatchObject({ status: 'SUCCESS', retry_state: 'NONE', retry_count: 1 });
    // Each attempt is kept with its own answer, and tells who wanted it and why.
    expect(log.attempts).toMatchObject([
      { kind: 'FIRST', response_status_code: 422, actor: null, reason: null, body_from: null },
      {
        kind: 'MANUAL',
        response_status_code: 200,
        actor: 'first admin',
        reason: 'the partner has mended it',
        body_from: 'SAME',
        objects_from: 'LOCAL',
        changed: [],
      },
    ]);
    expect(log.activity).toMatchObject([
      { kind: 'RETRIED', actor: 'first admin', note: 'the partner has mended it' },
    ]);
  });

  test('that was corrected goes at a click, as another revision with a key of its own', async () => {
    await bill({ bill_id: 1, total: 90 });
    expect(await preview({ reveal: true })).toMatchObject({
      masked: false,
      terms: 'FREE',
      doubts: [],
      last_sent: { revision: 1, key: logId, attempt_id: `${logId}_a1` },
      now: { outcome: 'CHANGED', revision: 2, key: `${logId}_r2` },
      differences: [{ path: '/data/bill/total', kind: 'CHANGED', before: 100, after: 90 }],
      differences_total: 1,
    });
    answerAs(TAKEN);
    expect(await retry()).toMatchObject({ revision: 2, key: `${logId}_r2`, body: 'CHANGED' });
    const log = await settled('ACCEPTED', 2);
    expect(keys()).toEqual([logId, `${logId}_r2`]);
    expect(lastBody()).toMatchObject({ data: { bill: { total: 90 } } });
    expect(log.attempts[1]).toMatchObject({
      revision: 2,
      body_from: 'CHANGED',
      changed: ['/data/bill/total'],
    });
    expect(log.revisions).toMatchObject([
      { revision: 1, reason: 'FIRST' },
      { revision: 2, reason: 'REBUILT', objects_from: 'LOCAL' },
    ]);
  });

  test('goes at a click once its integration was changed, also where the bytes stay', async () => {
    await rule({ timeout_ms: 9_000 });
    expect(await preview()).toMatchObject({
      terms: 'FREE',
      now: { outcome: 'SAME' },
      versions: { last_attempt: 1, current: 2 },
    });
  });

  test('is built by the mapping of an earlier version where one is named', async () => {
    const total = (words: string) => `{ "${words}": bill.total }`;
    await rule({ mapping: total('old') });
    await rule({ mapping: total('new') });
    expect(await preview({ config_version: 2, reveal: true })).toMatchObject({
      now: { body: '{"old":100}', config_version: 2 },
    });
    answerAs(TAKEN);
    await retry({ config_version: 2 });
    const log = await settled('ACCEPTED', 2);
    expect(lastBody()).toEqual({ old: 100 });
    // Where it went and how is the present version's.
    expect(log.attempts[1]).toMatchObject({ config_version: 3 });
    expect(log.revisions[1]).toMatchObject({ config_version: 2 });
    expect(await ask('previewRetry', { log_id: logId, config_version: 99 })).toMatchObject({
      status: 404,
      problem: told('NOT_FOUND', 'config_version', /no version 99; listIntegrationVersions/),
    });
  });

  test('can be sent as it was before, under its old key', async () => {
    await bill({ bill_id: 1, total: 90 });
    answerAs(REFUSED);
    await retry();
    await settled('REFUSED', 2);
    answerAs(TAKEN);
    expect(
      await retry({ body: 'stored', revision: 1, reason: 'they want the first' }),
    ).toMatchObject({ revision: 1, key: logId, body: 'STORED', objects_from: null });
    const log = await settled('ACCEPTED', 3);
    expect(keys()).toEqual([logId, `${logId}_r2`, logId]);
    expect(lastBody()).toMatchObject({ data: { bill: { total: 100 } } });
    expect(log.attempts[2]).toMatchObject({ changed: ['/data/bill/total'] });
    expect(await refusal({ body: 'stored', revision: 7, reason: 'again' })).toMatchObject({
      status: 404,
      problem: told('NOT_FOUND', 'revision', /no revision 7; getLog lists them/),
    });
  });

  test('can be edited: what was typed goes as a revision of its own, the original stays', async () => {
    answerAs(TAKEN);
    const typed = '{ "total": 95 }';
    expect(await retry({ body: 'edited', payload: typed })).toMatchObject({
      revision: 2,
      key: `${logId}_r2`,
      body: 'EDITED',
    });
    const log = await settled('ACCEPTED', 2);
    expect(peer.requests[1]?.body).toBe(typed);
    expect(peer.requests[1]?.headers['content-type']).toBe('application/json');
    expect(log.revisions).toMatchObject([{ reason: 'FIRST' }, { reason: 'EDITED' }]);
    expect(log.attempts[1]).toMatchObject({ actor: 'first admin', body_from: 'EDITED' });
    const clear = await call(running, 'revealLog', { log_id: logId });
    expect(clear.revisions[0]?.body).toBe(peer.requests[0]?.body);
  });

  test('edited back to the bytes of an earlier revision it keeps that one’s key', async () => {
    const original = peer.requests[0]?.body ?? '';
    await retry({ body: 'edited', payload: { total: 1 } });
    await settled('REFUSED', 2);
    await retry({ body: 'edited', payload: { total: 2 } });
    await settled('REFUSED', 3);
    const back = await retry({ body: 'edited', payload: original });
    expect(back).toMatchObject({ revision: 1, key: logId });
    const log = await settled('REFUSED', 4);
    expect(keys().at(-1)).toBe(logId);
    expect(log.revisions).toHaveLength(3);
  });

  test.each([
    ['no JSON', { payload: '{ "total": ' }, 'payload', /its body is JSON, and this text is not/],
    ['nothing', { payload: '' }, 'payload', /must not be empty/],
    ['no payload', {}, 'payload', /is missing; give the edited body/],
    ['a revision too', { payload: {}, revision: 1 }, 'revision', /send body: stored/],
    ['a version too', { payload: {}, config_version: 1 }, 'config_version', /send body: fresh/],
  ])('is not edited to %s', async (_, input, field, reason) => {
    expect(await refusal({ body: 'edited', ...input })).toMatchObject({
      status: 422,
      problem: told('INVALID_INPUT', field, reason),
    });
    expect(peer.requests).toHaveLength(1);
  });

  test('is looked at before it goes, in whichever body it is to go', async () => {
    await bill({ bill_id: 1, total: 90 });
    const edit = { body: 'edited', payload: { total: 95 } } as const;
    expect(await preview({ ...edit, reveal: true })).toMatchObject({
      terms: 'FREE',
      now: { outcome: 'CHANGED', made: 'EDITED', revision: 2, body: '{"total":95}' },
      differences: expect.arrayContaining([
        { path: '/total', kind: 'ADDED', before: null, after: 95 },
      ]) as unknown,
    });
    expect(await preview({ body: 'stored' })).toMatchObject({
      terms: 'REASON',
      now: { outcome: 'SAME', made: 'STORED', revision: 1, key: logId },
    });
    expect(await ask('previewRetry', { log_id: logId, body: 'edited' })).toMatchObject({
      status: 422,
      problem: told('INVALID_INPUT', 'payload', /is missing/),
    });
    const { now } = await preview(edit);
    expect(peer.requests).toHaveLength(1);
    answerAs(TAKEN);
    const other = { body: 'edited', payload: { total: 96 }, expected_sha256: now.sha256 } as never;
    expect((await refusal(other)).status).toBe(409);
    await retry({ ...edit, expected_sha256: now.sha256 ?? '' });
    await settled('ACCEPTED', 2);
  });

  test('is sent only as it was shown, where the sha256 of the preview is given', async () => {
    const masked = await preview();
    await bill({ bill_id: 1, total: 90 });
    const shown = await preview();
    const expected_sha256 = masked.now.sha256 ?? '';
    expect(await refusal({ expected_sha256 })).toMatchObject({
      status: 409,
      problem: told('STALE_WRITE', 'expected_sha256', /see them \(previewRetry\)/),
    });
    expect(peer.requests).toHaveLength(1);
    answerAs(TAKEN);
    await retry({ expected_sha256: shown.now.sha256 ?? '' });
    await settled('ACCEPTED', 2);
    const { now } = await preview({ reveal: true });
    expect(now.sha256).toMatch(/^[0-9a-f]{64}$/);
    await retry({ expected_sha256: now.sha256 ?? '', reason: 'they have lost it' });
  });

  test('is sent once where two operators retry it at once', async () => {
    const slow = await slowPartner();
    close.push(() => slow.close());
    await rule({ end_point: slow.url });
    const both = await Promise.all([refusal({}), refusal({})]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    await vi.waitFor(() => expect(slow.open).toBe(1));
    expect(await refusal({})).toMatchObject({
      status: 409,
      problem: told('ALREADY_DONE', 'log_id', /cancelRetry/),
    });
    slow.answer();
    await settled('ACCEPTED', 2);
    expect(slow.keys).toEqual([logId]);
    expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({ retry_count: 1 });
  });

  test('of a disabled integration is not retried, and the refusal says how it can be', async () => {
    await call(running, 'setIntegrationEnabled', { lab_integration_id: id, is_active: false });
    expect(await preview()).toMatchObject({
      terms: 'IMPOSSIBLE',
      obstacle: 'DISABLED',
      obstacle_sentence: expect.stringMatching(/enable it \(setIntegrationEnabled\)/) as string,
    });
    expect(await refusal({ reason: 'now' })).toMatchObject({
      status: 409,
      problem: told('RETRY_IMPOSSIBLE', 'log_id', /enable it/),
    });
  });

  test('whose mapping fails now is a clear outcome, and a stored body still goes', async () => {
    await rule({ mapping: '{ "total": bill.total = 100 ? $error("no such total") : 1 }' });
    expect(await preview()).toMatchObject({
      terms: 'IMPOSSIBLE',
      obstacle: 'MAPPING_FAILED',
      now: { outcome: 'FAILED', revision: null, body: null, made: null },
    });
    expect(await preview({ body: 'stored' })).toMatchObject({ terms: 'FREE', obstacle: null });
    expect(await refusal({ reason: 'now' })).toMatchObject({
      status: 422,
      problem: { code: 'MAPPING_FAILED' },
    });
    answerAs(TAKEN);
    await retry({ body: 'stored' });
    await settled('ACCEPTED', 2);
  });

  test('shows a viewer nothing of the patient, and no operator’s preview in clear', async () => {
    const { key: viewer } = await call(running, 'createAccessKey', {
      kind: 'user',
      name: 'a viewer',
      role: 'viewer',
    });
    await bill({ bill_id: 1, total: 87_654, patient: { patient_id: 'P1', name: `${NAME} II` } });
    const shown = await ask('previewRetry', { log_id: logId }, viewer);
    expect(shown).toMatchObject({ status: 200, problem: { masked: true } });
    const document = JSON.stringify(shown.problem);
    expect(document).toContain('/data/bill/total');
    expect(document).not.toContain(NAME);
    expect(document).not.toContain('P1');
    expect(document).not.toContain('87654');
    const clear = await preview({ reveal: true });
    // Of few possible bodies a hash would tell which it is.
    expect(document).not.toContain(clear.now.sha256);
    expect(await ask('previewRetry', { log_id: logId, reveal: true }, viewer)).toMatchObject({
      status: 403,
      problem: told('FORBIDDEN', 'reveal', /takes the role operator/),
    });
    // Whoever may compare bodies of their own can guess until nothing differs.
    const guess = { log_id: logId, body: 'edited', payload: { total: 87_654 } };
    expect(await ask('previewRetry', guess, viewer)).toMatchObject({
      status: 403,
      problem: told('FORBIDDEN', 'body', /takes the role operator/),
    });
    await preview({ body: 'edited', payload: { total: 87_654 } });
    expect((await refusal({ reason: 'now' }, viewer)).status).toBe(403);
    const { items } = await call(running, 'listAudit', { limit: 20 });
    const seen = items.filter(
      ({ action, subject }) => action === 'previewRetry' && subject.includes(logId),
    );
    // Two tries to see it in clear and two to compare it, each with what came of it.
    expect(seen).toHaveLength(8);
    expect(JSON.stringify(items)).not.toContain('87654');
  });
});

describe('a bill of which nobody knows whether it arrived', () => {
  beforeEach(() => sentBill(BROKEN, 'UNKNOWN'));

  test('is not sent again without a reason, and says which revision the receiver may hold', async () => {
    expect(await refusal({})).toMatchObject({
      problem: told('REASON_NEEDED', 'reason', /may already hold revision 1/),
    });
    await bill({ bill_id: 1, total: 90 });
    expect(await preview()).toMatchObject({ terms: 'REASON', may_hold: [1] });
    expect(await refusal({ accept_duplicates: true })).toMatchObject({
      problem: told('REASON_NEEDED', 'reason', /may hold revision 1; .* another revision/),
    });
    expect(peer.requests).toHaveLength(1);
    answerAs(REFUSED);
    const { warnings } = await retry({ reason: 'they do not have it' });
    expect(warnings).toEqual([expect.stringMatching(/may hold revision 1/)]);
    await settled('REFUSED', 2);
    // That a later revision was refused tells nothing of the first.
    await bill({ bill_id: 1, total: 80 });
    expect(await preview()).toMatchObject({ terms: 'REASON', may_hold: [1] });
  });

  test('goes at a click once people have said that it did not arrive', async () => {
    const reason = 'looked with them';
    await call(running, 'resolveLog', { log_id: logId, resolution: 'not_delivered', reason });
    expect(await preview()).toMatchObject({ terms: 'FREE', may_hold: [] });
    answerAs(REFUSED);
    await retry();
    await settled('REFUSED', 2);
    await bill({ bill_id: 1, total: 80 });
    // Their word outlives the next attempt's outcome.
    expect(await preview()).toMatchObject({ terms: 'FREE', may_hold: [] });
  });
});

describe('the objects', () => {
  test('are read from the lab’s own system first; where our copy serves, the attempt says why', async () => {
    await sentBill(REFUSED, 'REFUSED');
    const system = createServer((request, response) => {
      const document = { bill_id: 1, total: 77 };
      response.writeHead(200).end(JSON.stringify(request.url === '/bills/1' ? document : {}));
    });
    await new Promise<void>((resolve) => system.listen(0, '127.0.0.1', resolve));
    close.push(() => system.close());
    const at = (port: number) => ({
      lab_id,
      domain_source: {
        base_url: `http://127.0.0.1:${port}`,
        objects: { bill: { path: '/bills/{id}' } },
        cache_ms: 0,
      },
    });
    await call(running, 'addUpdateLab', at((system.address() as AddressInfo).port));
    expect(await retry()).toMatchObject({ objects_from: 'SOURCE', fallback: null, revision: 2 });
    await settled('REFUSED', 2);
    expect(lastBody()).toMatchObject({ data: { bill: { total: 77 } } });

    await call(running, 'addUpdateLab', at(await closedPort()));
    expect(await retry({ reason: 'once more' })).toMatchObject({
      objects_from: 'LOCAL',
      fallback: expect.any(String) as string,
      revision: 2,
      body: 'SAME',
    });
    const log = await settled('REFUSED', 3);
    expect(log.attempts).toMatchObject([
      { objects_from: null },
      { objects_from: 'SOURCE', fallback: null },
      { objects_from: 'LOCAL', fallback: expect.any(String) as string },
    ]);
  });

  test('that the lab has deleted are a clear outcome', async () => {
    await sentBill(REFUSED, 'REFUSED');
    const system = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => system.listen(0, '127.0.0.1', resolve));
    close.push(() => system.close());
    await call(running, 'addUpdateLab', {
      lab_id,
      domain_source: {
        base_url: `http://127.0.0.1:${(system.address() as AddressInfo).port}`,
        objects: { bill: { path: '/bills/{id}' } },
      },
    });
    expect(await preview()).toMatchObject({ terms: 'IMPOSSIBLE', obstacle: 'OBJECT_GONE' });
    expect(await refusal({ reason: 'now' })).toMatchObject({
      status: 409,
      problem: told('RETRY_IMPOSSIBLE', 'log_id', /no such bill any more/),
    });
  });
});

test('a log that was born failed is built now: its first body has the bare key', async () => {
  await rule({ mapping: '{ "total": bill.total = 100 ? $error("no") : bill.total }' });
  logId = await bill({ bill_id: 1, total: 100 });
  await vi.waitFor(async () =>
    expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({
      status: 'FAIL',
      error_kind: 'PAYLOAD',
      revision: 0,
    }),
  );
  expect(await preview()).toMatchObject({ last_sent: null, obstacle: 'MAPPING_FAILED' });
  await rule({ mapping: '{ "total": bill.total }' });
  expect(await preview()).toMatchObject({
    terms: 'FREE',
    last_sent: null,
    now: { outcome: 'CHANGED', revision: 1, key: logId },
    differences: [],
  });
  answerAs(TAKEN);
  await retry();
  const log = await settled('ACCEPTED');
  expect(keys()).toEqual([logId]);
  expect(lastBody()).toEqual({ total: 100 });
  expect(log).toMatchObject({ status: 'SUCCESS', revision: 1, error_kind: null });
});

test('a ready task’s body is sent as it came, or edited; no mapping ever made it', async () => {
  answerAs(REFUSED);
  const task = { lab_integration_id: id, body: { ready: true }, integration_payload: {} };
  const headers = { authorization: `Bearer ${key}` };
  const response = await post(
    running,
    '/integrationWebhookBulkAPI/',
    { lab_id, records: [task] },
    headers,
  );
  const { log_ids } = (await response.json()) as { log_ids: [string] };
  [logId] = log_ids;
  await settled('REFUSED');
  await rule({ mapping: '{ "other": 1 }' });
  expect(await preview({ reveal: true })).toMatchObject({
    now: { outcome: 'SAME', body: '{"ready":true}', objects_from: null },
  });
  expect(await refusal({ config_version: 1 })).toMatchObject({
    problem: told('INVALID_INPUT', 'config_version', /came ready with its task/),
  });
  expect(await retry()).toMatchObject({ body: 'STORED', key: logId });
  await settled('REFUSED', 2);
  answerAs(TAKEN);
  expect(await retry({ body: 'edited', payload: { ready: 'mended' } })).toMatchObject({
    key: `${logId}_r2`,
  });
  await settled('ACCEPTED', 3);
  expect(lastBody()).toEqual({ ready: 'mended' });
});

describe('a partner that is down', () => {
  test('a retry waits, says for what, and has the next probe go at once', async () => {
    await sentBill(REFUSED, 'REFUSED');
    const port = await closedPort();
    await rule({ end_point: `http://127.0.0.1:${port}/`, is_retry_enabled: true });
    // Another bill finds out that nobody is there.
    const other = await bill({ bill_id: 2, total: 1 });
    await vi.waitFor(async () =>
      expect(await call(running, 'getLog', { log_id: other })).toMatchObject({
        held_reason: 'ENDPOINT_DOWN',
      }),
    );
    expect(await retry()).toMatchObject({ waits: 'ENDPOINT_DOWN' });
    expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({
      retry_state: 'SCHEDULED',
    });
    const reason = 'not today';
    expect(await call(running, 'cancelRetry', { log_id: logId, reason })).toEqual({
      log_id: logId,
      outcome: 'CANCELLED',
    });
    const log = await call(running, 'getLog', { log_id: logId });
    expect(log).toMatchObject({ status: 'FAIL', retry_state: 'CANCELLED', held_reason: null });
    expect(log.activity.at(-1)).toMatchObject({ kind: 'CANCELLED', note: reason });
    expect(await call(running, 'cancelRetry', { log_id: logId, reason })).toMatchObject({
      outcome: 'NOTHING',
    });
    expect((await call(running, 'getLog', { log_id: logId })).activity).toEqual(log.activity);
    // What was cancelled can be retried, and arrives once the partner is back.
    await retry();
    answerAs(TAKEN);
    await rule({ end_point: peer.url });
    await vi.waitFor(
      async () =>
        expect(await call(running, 'getLog', { log_id: logId })).toMatchObject({
          status: 'SUCCESS',
        }),
      // A probe that was on its way to the old address makes the next one wait its 15 s.
      { timeout: 20_000 },
    );
  }, 40_000);
});

test('cancelled in flight, an attempt ends by itself and nothing follows', async () => {
  const slow = await slowPartner();
  close.push(() => slow.close());
  await rule({ end_point: slow.url });
  logId = await bill({ bill_id: 1, total: 100 });
  await vi.waitFor(() => expect(slow.open).toBe(1));
  const cancel = () => call(running, 'cancelRetry', { log_id: logId, reason: 'stop it' });
  expect(await cancel()).toMatchObject({ outcome: 'IN_FLIGHT' });
  expect(await cancel()).toMatchObject({ outcome: 'IN_FLIGHT' });
  slow.answer();
  const log = await settled('ACCEPTED');
  expect(log.status).toBe('SUCCESS');
  expect(log.activity).toHaveLength(1);
});
