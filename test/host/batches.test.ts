import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { Output } from '../../src/shared/contract/index.ts';
import { closedPort } from '../engine/dispatch/peers.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const BULK = '/integrationWebhookBulkAPI/';

interface BulkAnswer {
  batch_id: string;
  accepted: number;
  log_ids: string[];
  rejected: { index: number; field: string; reason: string }[];
}

let running: Host;
let receiver: Awaited<ReturnType<typeof partner>>;
let key: string;
let rule: Output<'addUpdateWebhookIntegration'>;

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  ({ key, rule } = await configureLab(running, receiver.url));
});
afterEach(async () => {
  const open = async () => (await running.engine.figures()).store.tasksByState;
  await expect.poll(open, { timeout: 15_000 }).toEqual({});
  receiver.requests.length = 0;
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

/** Where the rule sends to from now on. */
async function sendTo(endPoint: string, more: object = {}): Promise<void> {
  const id = { lab_integration_id: rule.lab_integration_id };
  await call(running, 'addUpdateWebhookIntegration', { ...id, end_point: endPoint, ...more });
}

const bill = (id: number | string, more: object = {}) => ({
  bill: { bill_id: `B${id}`, patient: { patient_id: `P${id}`, name: 'Asha Verma' }, ...more },
});
const bills = (count: number) => Array.from({ length: count }, (_, index) => bill(index));

function send(body: unknown, headers: Record<string, string> = {}, path = BULK): Promise<Response> {
  return post(running, path, body, { authorization: `Bearer ${key}`, ...headers });
}

/** Sends a batch that is taken. */
async function taken(
  records: unknown[],
  more: object = {},
  headers: Record<string, string> = {},
): Promise<BulkAnswer> {
  const body = { lab_id: 7, action_category: 'BILL_GENERATED', records, ...more };
  const answer = await send(body, headers);
  if (answer.status !== 202) throw new Error(await answer.text());
  return (await answer.json()) as BulkAnswer;
}

/** The problem of a refusal. */
async function refused(body: unknown, headers: Record<string, string> = {}, path = BULK) {
  const answer = await send(body, headers, path);
  const problem = (await answer.json()) as { code: string; errors?: { field: string }[] };
  return { status: answer.status, code: problem.code, field: problem.errors?.[0]?.field };
}

const getBatch = (batchId: string) => call(running, 'getBatch', { batch_id: batchId });
const untilDone = (batchId: string) =>
  expect.poll(async () => (await getBatch(batchId)).state, { timeout: 15_000 }).toBe('DONE');

describe('a batch', () => {
  test('becomes one event and delivery a record, found by its batch_id', async () => {
    const answer = await taken(bills(120), {}, { 'idempotency-key': 'k' });
    expect(answer).toMatchObject({ accepted: 120, rejected: [] });
    expect(new Set(answer.log_ids).size).toBe(120);
    await untilDone(answer.batch_id);
    expect(receiver.requests).toHaveLength(120);

    const { items, total_estimate } = await call(running, 'searchLogs', {
      batch_id: answer.batch_id,
      direction: 'OUTBOUND',
      limit: 10,
    });
    expect(total_estimate).toBe(120);
    expect(items.every(({ status }) => status === 'SUCCESS')).toBe(true);
    const log = await call(running, 'getLog', { log_id: answer.log_ids[17] ?? '' });
    expect(log).toMatchObject({ batch_id: answer.batch_id, action_category: 'BILL_GENERATED' });
    expect(log.references).toContainEqual({ kind: 'bill', id: 'B17' });
    expect(await getBatch(answer.batch_id)).toMatchObject({
      state: 'DONE',
      records: 120,
      accepted: 120,
      rejected: 0,
      progress: { queued: 0, sent: 120, failed: 0, suppressed: 0, cancelled: 0, done: true },
      rejections: [],
    });
  });

  test('is delivered as single events would be', async () => {
    await taken([bill('x')]);
    await send(
      { lab_id: 7, action_category: 'BILL_GENERATED', data: bill('y') },
      {},
      '/api/v1/events',
    );
    await expect.poll(() => receiver.requests.length).toBe(2);
    const [batched, single] = receiver.requests
      .map(({ body }) => JSON.parse(body))
      .toSorted((a, b) => (a.data.bill.bill_id < b.data.bill.bill_id ? -1 : 1));
    expect(Object.keys(batched)).toEqual(Object.keys(single));
    const unlike = { log_id: '', event_id: '' };
    const as = JSON.parse(
      JSON.stringify({ ...single, ...unlike })
        .replaceAll('By', 'Bx')
        .replaceAll('Py', 'Px'),
    );
    expect({ ...batched, ...unlike }).toEqual(as);
  });

  test('names bad records by index and field, and they stop nothing', async () => {
    const records: unknown[] = bills(40);
    records[0] = { bill: { patient: { patient_id: 'P' } } };
    records[3] = 'no object';
    records[5] = { bill: { bill_id: 'B5', integration_callback_url: 'http://evil.example/' } };
    records[7] = JSON.parse('{"bill":{"bill_id":"B7","__proto__":{"x":1}}}');
    records[9] = { bill: { bill_id: 'B9', note: '\ud800' } };
    const answer = await taken(records);
    expect(answer.accepted).toBe(35);
    expect(answer.log_ids).toHaveLength(35);
    expect(answer.rejected.map(({ index, field }) => [index, field])).toEqual([
      [0, 'bill.bill_id'],
      [3, ''],
      [5, 'bill.integration_callback_url'],
      [7, 'bill.__proto__'],
      [9, 'bill.note'],
    ]);
    const batch = await getBatch(answer.batch_id);
    expect(batch).toMatchObject({ records: 40, accepted: 35, rejected: 5 });
    expect(batch.rejections).toEqual(answer.rejected);
  });

  test('merges records about one object in their order', async () => {
    await taken([bill(1, { total: 1 }), bill(1, { total: 2 }), bill(1, { note: 'last' })]);
    await expect.poll(() => receiver.requests.length).toBe(3);
    const seen = receiver.requests.map(({ body }) => JSON.parse(body).data.bill);
    expect(seen).toContainEqual(expect.objectContaining({ total: 1 }));
    expect(seen).toContainEqual(expect.objectContaining({ total: 2, note: 'last' }));
  });

  test('goes on beside single events about the same objects, and loses no change', async () => {
    const single = (at: number) =>
      send({ lab_id: 7, bill: { bill_id: 'Bfought', [`single_${at}`]: at } }, {}, '/billing/');
    const records = Array.from({ length: 80 }, (_, at) => ({
      bill: { bill_id: 'Bfought', [`batch_${at}`]: at },
    }));
    const [answer, ...singles] = await Promise.all([
      taken(records),
      ...Array.from({ length: 40 }, (_, at) => single(at)),
    ]);
    expect(answer).toMatchObject({ accepted: 80, rejected: [] });
    expect(singles.map(({ status }) => status)).toEqual(singles.map(() => 201));
    await untilDone(answer.batch_id);
    receiver.requests.length = 0;
    await taken([{ bill: { bill_id: 'Bfought' } }]);
    await expect.poll(() => receiver.requests.length).toBe(1);
    // All of them and its id.
    const { bill: merged } = JSON.parse(receiver.requests[0]?.body ?? '').data;
    expect(Object.keys(merged)).toHaveLength(80 + 40 + 1);
  });

  test('may have its records before what is common to them', async () => {
    const body = { records: bills(1), lab_id: 7, action_category: 'BILL_GENERATED' };
    expect((await send(body)).status).toBe(202);
  });

  test('does not count what was suppressed as failed', async () => {
    const quiet = await partner({ status: 200, body: '{"message":"#NOTFORDASHBOARD"}' });
    await sendTo(quiet.url);
    const { batch_id } = await taken(bills(3));
    await untilDone(batch_id);
    await quiet.close();
    await sendTo(receiver.url);
    const { progress } = await getBatch(batch_id);
    expect(progress).toMatchObject({ suppressed: 3, failed: 0, sent: 0, done: true });
  });
});

describe('the call that brings a batch', () => {
  test('and what it fired are linked both ways', async () => {
    const answer = await taken(bills(30));
    const [first] = answer.log_ids;
    const { triggered_by } = await call(running, 'getLog', { log_id: first ?? '' });
    const brought = await call(running, 'getLog', { log_id: triggered_by ?? '' });
    expect(brought).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      batch_id: answer.batch_id,
      lab_id: 7,
      response_status_code: 202,
    });
    expect(brought.triggered.toSorted()).toEqual(answer.log_ids.toSorted());
    expect((await getBatch(answer.batch_id)).triggered_by).toBe(triggered_by);
    const reveal = () => call(running, 'revealLog', { log_id: triggered_by ?? '' });
    await expect.poll(async () => (await reveal()).response_body).not.toBeNull();
    const clear = await reveal();
    expect(JSON.parse(clear.response_body ?? '')).toEqual(answer);
    expect(JSON.parse(clear.request_body ?? '').records).toHaveLength(30);
  });

  test('is captured as far as it came where it is refused', async () => {
    const answer = await send('{"lab_id":7,"records":[{"bill":');
    const logId = answer.headers.get('labrelay-log-id') ?? '';
    expect(await call(running, 'revealLog', { log_id: logId })).toMatchObject({
      status: 'FAIL',
      response_status_code: 400,
      request_body: '{"lab_id":7,"records":[{"bill":',
    });
  });
});

describe('a call that is refused whole', () => {
  const common = { lab_id: 7, action_category: 'BILL_GENERATED' };

  test.each([
    [
      'no lab',
      { action_category: 'BILL_GENERATED', records: bills(1) },
      422,
      'INVALID_INPUT',
      'lab_id',
    ],
    ['an unknown lab', { ...common, lab_id: 8, records: bills(1) }, 422, 'UNKNOWN_LAB', 'lab_id'],
    ['no category', { lab_id: 7, records: bills(1) }, 422, 'INVALID_INPUT', 'action_category'],
    [
      'an unknown category',
      { ...common, action_category: 'X', records: bills(1) },
      422,
      'UNKNOWN_ACTION_CATEGORY',
      'action_category',
    ],
    ['a field of its own', { ...common, labs: 7, records: bills(1) }, 422, 'INVALID_INPUT', 'labs'],
    ['no record', { ...common, records: [] }, 422, 'INVALID_INPUT', 'records'],
    [
      '101 records without a key',
      { ...common, records: bills(101) },
      422,
      'IDEMPOTENCY_KEY_NEEDED',
      'Idempotency-Key',
    ],
    ['a body that ends too early', '{"lab_id":7,"records":[{"bill":', 400, 'INVALID_JSON', ''],
  ])('%s', async (_what, body, status, code, field) => {
    const before = await call(running, 'listBatches', {});
    expect(await refused(body)).toEqual({ status, code, field });
    expect(await call(running, 'listBatches', {})).toEqual(before);
  });

  test('10,001 records: none of them is kept', async () => {
    const records = Array.from({ length: 10_001 }, () => ({}));
    const problem = await refused({ ...common, records }, { 'idempotency-key': 'many' });
    expect(problem).toEqual({ status: 413, code: 'BODY_TOO_LARGE', field: 'records' });
    const { items } = await call(running, 'listBatches', { limit: 1 });
    expect(items.map(({ state, accepted }) => [state, accepted])).toEqual([['DROPPED', 0]]);
    // The key is free again.
    expect((await taken(bills(1), {}, { 'idempotency-key': 'many' })).accepted).toBe(1);
  });

  test('more than 50 MiB: told before it is read', async () => {
    const answer = await fetch(running.url + BULK, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: ' '.repeat(50 * 1024 * 1024 + 1),
    });
    expect(answer.status).toBe(413);
  });

  test('a caller who goes away in the middle: dropped at once', async () => {
    const socket = connect(running.port, '127.0.0.1');
    const half = JSON.stringify({ ...common, records: bills(600) }).slice(0, -1_000);
    socket.write(
      `POST ${BULK} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${key}\r\n` +
        `idempotency-key: gone\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\n\r\n${half}`,
    );
    const states = async () =>
      (await call(running, 'listBatches', { limit: 1 })).items.map(({ state }) => state);
    await expect.poll(states).toEqual(['RECEIVING']);
    socket.destroy();
    await expect.poll(states).toEqual(['DROPPED']);
  });
});

describe('a repeated call', () => {
  test('is answered as the first was, also while that is under way, and sends nothing', async () => {
    const records = bills(700);
    const headers = { 'idempotency-key': 'once' };
    const both = await Promise.all([taken(records, {}, headers), taken(records, {}, headers)]);
    expect(both[0]).toEqual(both[1]);
    const body = { records, action_category: 'BILL_GENERATED', lab_id: 7 };
    const again = await send(body, headers);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.json()).toEqual(both[0]);
    await untilDone(both[0].batch_id);
    expect(receiver.requests).toHaveLength(700);
  });

  test('with another body is refused, and so is a key that a single report has used', async () => {
    const headers = { 'idempotency-key': 'twice' };
    await taken(bills(1), {}, headers);
    const other = { lab_id: 7, action_category: 'BILL_GENERATED', records: bills(2) };
    expect(await refused(other, headers)).toMatchObject({
      status: 422,
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    const report = { lab_id: 7, report: { report_id: 'R1' } };
    expect((await send(report, { 'idempotency-key': 'r' }, '/report/submit/')).status).toBe(201);
    const reports = { lab_id: 7, reports: [{ report_id: 'R1' }] };
    expect(await refused(reports, { 'idempotency-key': 'r' }, '/report/submit/')).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect((await send(reports, { 'idempotency-key': 's' }, '/report/submit/')).status).toBe(202);
    expect(await refused(report, { 'idempotency-key': 's' }, '/report/submit/')).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});

describe('ready tasks', () => {
  const task = (more: object = {}) => ({
    lab_integration_id: rule.lab_integration_id,
    body: { hello: 'partner' },
    ...more,
  });

  test('go out as they are, through their rule, wherever their integration_payload stands', async () => {
    const references = [{ kind: 'bill', id: 'B9' }];
    const { accepted, rejected, log_ids } = await taken(
      [
        task({ body: '<r>as it is</r>', integration_payload: { event_id: 'e-1', references } }),
        task({ args: { integration_payload: { ordering_key: 'K', log_id: 'theirs' } } }),
        task({ args: { payload: { integration_payload: { priority: 'STAT' } } } }),
      ],
      { action_category: undefined },
    );
    expect({ accepted, rejected }).toEqual({ accepted: 3, rejected: [] });
    await expect.poll(() => receiver.requests.length).toBe(3);
    expect(receiver.requests.map(({ body }) => body).toSorted()).toEqual([
      '<r>as it is</r>',
      '{"hello":"partner"}',
      '{"hello":"partner"}',
    ]);
    const [first, second, third] = await Promise.all(
      log_ids.map((log_id) => call(running, 'getLog', { log_id })),
    );
    expect(first).toMatchObject({
      event_id: 'e-1',
      references: expect.arrayContaining([{ kind: 'event', id: 'e-1' }, ...references]),
    });
    expect(second?.log_id).not.toBe('theirs');
    expect(third).toMatchObject({ priority: 'STAT', action_category: 'BILL_GENERATED' });
  });

  test('keep their bytes where what was held is built anew', async () => {
    const id = { lab_integration_id: rule.lab_integration_id };
    const held = await taken([task({ body: 'ready bytes' })]);
    await untilDone(held.batch_id);
    receiver.requests.length = 0;
    await sendTo(`http://127.0.0.1:${await closedPort()}/`);
    const { log_ids } = await taken([task({ body: 'ready bytes' })]);
    await call(running, 'setIntegrationEnabled', { ...id, is_active: false });
    await sendTo(receiver.url);
    await call(running, 'setIntegrationEnabled', { ...id, is_active: true, waiting: 'rebuild' });
    await expect.poll(() => receiver.requests.map(({ body }) => body)).toEqual(['ready bytes']);
    const log = await call(running, 'getLog', { log_id: log_ids[0] ?? '' });
    expect(log.revisions).toHaveLength(1);
  });

  test.each([
    ['an address', { url: 'http://evil.example/' }, 'url'],
    [
      'an address inside',
      { integration_payload: { end_point: 'http://evil.example/' } },
      'integration_payload.end_point',
    ],
    [
      'a place for reports',
      { integration_payload: { integration_callback_url: 'http://x/' } },
      'integration_payload.integration_callback_url',
    ],
    ['headers', { args: { headers: { a: 'b' } } }, 'args.headers'],
    ['a credential', { args: { payload: { api_key: 'k' } } }, 'args.payload.api_key'],
    [
      'a place for reports in its body',
      { body: { integration_callback_url: 'http://x/' } },
      'body.integration_callback_url',
    ],
    ["another lab's rule", { lab_integration_id: 999 }, 'lab_integration_id'],
    ['no body', { body: undefined }, 'body'],
    [
      'two payloads',
      { integration_payload: {}, args: { integration_payload: {} } },
      'args.integration_payload',
    ],
  ])('that bring %s are rejected by name', async (_what, more, field) => {
    const { accepted, rejected } = await taken([task(more)]);
    expect({ accepted, fields: rejected.map((one) => one.field) }).toEqual({
      accepted: 0,
      fields: [field],
    });
  });

  test('of an event that was taken before are not sent again', async () => {
    const ready = task({ integration_payload: { event_id: 'e-2' } });
    const { accepted, rejected } = await taken([ready, ready]);
    expect({ accepted, rejected }).toMatchObject({ accepted: 1, rejected: [{ index: 1 }] });
    const again = await taken([ready]);
    expect(again.rejected[0]?.reason).toContain('taken before');
  });
});

describe('many reports in one call', () => {
  test('are one batch', async () => {
    const reports = [{ report_id: 'R1' }, { report_id: '' }, { report_id: 'R3' }];
    const answer = await send({ lab_id: 7, reports }, {}, '/report/submit/');
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({
      accepted: 2,
      rejected: [{ index: 1, field: 'report_id' }],
    });
  });

  test('are refused with a category that is about something else', async () => {
    const body = { lab_id: 7, action_category: 'BILL_GENERATED', reports: [{ report_id: 'R1' }] };
    expect(await refused(body, {}, '/report/submit/')).toMatchObject({
      status: 422,
      field: 'action_category',
    });
  });
});

describe('cancelling', () => {
  test('takes out what has not been sent; a repeat changes nothing', async () => {
    const never = createServer(() => {});
    await new Promise<void>((resolve) => never.listen(0, '127.0.0.1', resolve));
    const { port } = never.address() as { port: number };
    await sendTo(`http://127.0.0.1:${port}/`, { max_concurrency: 2 });
    const { batch_id, log_ids } = await taken(bills(90));
    await expect.poll(() => running.engine.dispatcher.inFlight).toBe(2);
    const reason = 'sent to the wrong partner';
    const cancelled = await call(running, 'cancelBatch', { batch_id, reason });
    expect(cancelled).toMatchObject({
      state: 'CANCELLED',
      progress: { queued: 2, cancelled: 88, done: false },
      cancel_reason: reason,
    });
    expect(await call(running, 'cancelBatch', { batch_id, reason: 'once more' })).toEqual(
      cancelled,
    );
    const log = await call(running, 'getLog', { log_id: log_ids.at(-1) ?? '' });
    expect(log).toMatchObject({ status: 'FAIL', certainty: 'NOT_SENT', retry_state: 'CANCELLED' });
    expect(log.activity).toContainEqual(
      expect.objectContaining({ kind: 'CANCELLED', note: reason }),
    );
    never.closeAllConnections();
    never.close();
    await expect.poll(async () => (await getBatch(batch_id)).progress.queued).toBe(0);
  });

  test('needs an operator and a batch that there is', async () => {
    const headers = { authorization: `Bearer ${adminToken(running)}` };
    const input = { batch_id: 'none', reason: 'a typing error' };
    const answer = await post(running, '/api/v1/cancel-batch', input, headers);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'UNKNOWN_BATCH' });
  });
});
