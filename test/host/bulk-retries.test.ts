import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import type { Output } from '../../src/shared/contract/index.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const answer = { status: 200, body: '{"ok":true}' };
let running: Host;
let receiver: Awaited<ReturnType<typeof partner>>;
let key: string;
let rule: Output<'addUpdateWebhookIntegration'>;
let bills = 0;

beforeAll(async () => {
  receiver = await partner(answer);
  running = await host();
  ({ key, rule } = await configureLab(running, receiver.url));
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

type Bulk = Output<'controlBulkRetry'>;
type State = Bulk['state'];

const read = (bulkRetryId: string) =>
  call(running, 'getBulkRetry', { bulk_retry_id: bulkRetryId, limit: 500 });
const act = (bulkRetryId: string, action: 'start' | 'pause' | 'resume' | 'cancel') =>
  call(running, 'controlBulkRetry', { bulk_retry_id: bulkRetryId, action });

async function until(bulkRetryId: string, state: State) {
  await expect
    .poll(async () => (await read(bulkRetryId)).state, { timeout: 20_000, interval: 20 })
    .toBe(state);
  return read(bulkRetryId);
}

/** Bills that the partner refuses. */
async function refused(count: number, status = 400): Promise<string[]> {
  answer.status = status;
  const records = Array.from({ length: count }, () => {
    const id = bills++;
    return { bill: { bill_id: `B${id}`, patient: { patient_id: `P${id}`, name: 'Asha Verma' } } };
  });
  const headers = { authorization: `Bearer ${key}`, 'idempotency-key': `batch-${bills}` };
  const body = { lab_id: 7, action_category: 'BILL_GENERATED', records };
  const taken = await post(running, '/integrationWebhookBulkAPI/', body, headers);
  const { log_ids, batch_id } = (await taken.json()) as { log_ids: string[]; batch_id: string };
  await expect
    .poll(async () => (await call(running, 'getBatch', { batch_id })).state, { timeout: 20_000 })
    .toBe('DONE');
  receiver.requests.length = 0;
  return log_ids;
}

test('many refused logs are planned, started and sent, and all of it can be read afterwards', async () => {
  const logIds = await refused(30);
  answer.status = 200;
  const planned = await call(running, 'retryIntegrations', {
    log_ids: logIds,
    reason: 'the partner has mended it',
    rate_per_minute: 100_000,
  });
  const plan = await until(planned.bulk_retry_id, 'PLANNED');
  expect(plan.plan).toMatchObject({
    total: 30,
    refused: 0,
    by_certainty: [{ certainty: 'REFUSED', total: 30, refused: 0 }],
    by_integration: [{ lab_integration_id: rule.lab_integration_id, total: 30, refused: 0 }],
  });
  expect(receiver.requests).toHaveLength(0);
  await act(planned.bulk_retry_id, 'start');
  const done = await until(planned.bulk_retry_id, 'DONE');
  expect(done.progress).toMatchObject({ done: 30, succeeded: 30, failed: 0, waiting: 0 });
  expect(receiver.requests).toHaveLength(30);
  expect(done.canaries).toMatchObject([{ verdict: 'GOOD', position: 1, log_id: logIds[0] }]);
  expect(done.items.map(({ log_id }) => log_id)).toEqual(logIds);
});

test('a thousand go out once each, oldest first to be queued, and the list tells of it', async () => {
  const logIds = await refused(1_000);
  answer.status = 200;
  const bulk = await call(running, 'retryIntegrations', {
    filter: { lab_integration_id: rule.lab_integration_id, status: ['FAIL'] },
    reason: 'the partner has mended it',
    rate_per_minute: 100_000,
    run: true,
  });
  const done = await until(bulk.bulk_retry_id, 'DONE');
  expect(done).toMatchObject({
    total: 1_000,
    estimated_end_at: null,
    progress: { succeeded: 1_000, failed: 0, refused: 0, skipped: 0, waiting: 0, queued: 0 },
  });
  const sent = receiver.requests.map(({ headers }) => String(headers['webhook-id']));
  expect(new Set(sent).size).toBe(1_000);
  expect(sent).toHaveLength(1_000);
  const second = await call(running, 'getBulkRetry', {
    bulk_retry_id: bulk.bulk_retry_id,
    cursor: done.next_cursor ?? '',
    limit: 500,
  });
  const items = [...done.items, ...second.items];
  expect(items.map(({ log_id }) => log_id)).toEqual(logIds);
  expect(items.map(({ position }) => position)).toEqual(logIds.map((_, index) => index + 1));
  expect(second.next_cursor).toBeNull();
  expect(items[7]).toMatchObject({
    attempt_id: `${logIds[7]}_a2`,
    certainty_before: 'REFUSED',
    outcome: { status: 'SUCCESS', certainty: 'ACCEPTED', response_status_code: 200 },
  });
  const log = await call(running, 'getLog', { log_id: logIds[7] ?? '' });
  expect(log.attempts.at(-1)).toMatchObject({
    kind: 'MANUAL',
    reason: 'the partner has mended it',
    bulk_retry_id: bulk.bulk_retry_id,
  });
  const { items: newest } = await call(running, 'listBulkRetries', { limit: 1 });
  expect(newest).toMatchObject([{ bulk_retry_id: bulk.bulk_retry_id, state: 'DONE' }]);
}, 60_000);

test('several hundred whose canary fails are not sent, neither then nor after they are cancelled', async () => {
  const logIds = await refused(300);
  answer.status = 422;
  const bulk = await call(running, 'retryIntegrations', { log_ids: logIds, reason: 'try again' });
  await until(bulk.bulk_retry_id, 'PLANNED');
  await act(bulk.bulk_retry_id, 'start');
  const stopped = await until(bulk.bulk_retry_id, 'STOPPED');
  expect(stopped).toMatchObject({
    stop: { why: 'CANARY_FAILED', failure_class: 'HTTP_STATUS 422', by: null },
    canaries: [{ log_id: logIds[0], verdict: 'FAILED' }],
    progress: { failed: 1, waiting: 299 },
  });
  expect(stopped.stop?.sentence).toContain('(HTTP_STATUS 422)');
  expect(receiver.requests).toHaveLength(1);
  await act(bulk.bulk_retry_id, 'cancel');
  const cancelled = await until(bulk.bulk_retry_id, 'CANCELLED');
  expect(receiver.requests).toHaveLength(1);
  expect(cancelled.acts.map(({ action }) => action)).toEqual(['start', 'cancel']);
});

test('what was refused and has not changed is refused again for want of a reason', async () => {
  const logIds = await refused(3);
  const bulk = await call(running, 'retryIntegrations', { log_ids: logIds, run: true });
  const done = await until(bulk.bulk_retry_id, 'DONE');
  expect(done.progress).toMatchObject({ refused: 3, done: 0 });
  expect(done.items[0]).toMatchObject({ state: 'REFUSED', verdict: 'REFUSED_UNCHANGED' });
  expect(done.items[0]?.sentence).toContain('neither it nor its integration has changed');
  expect(receiver.requests).toHaveLength(0);
});

test('a filter by words or by a patient is not shown', async () => {
  const filter = { text: 'Asha', reference: { kind: 'patient' as const, id: 'P1' } };
  const { bulk_retry_id } = await call(running, 'retryIntegrations', { filter });
  const { selection } = await until(bulk_retry_id, 'PLANNED');
  expect(selection).toEqual({
    log_ids: null,
    filter: { include_suppressed: false, text: '••••', reference: { kind: 'patient', id: '••••' } },
  });
});

describe('is refused', () => {
  const auth = () => ({ authorization: `Bearer ${adminToken(running)}` });
  const one = ['01900000-0000-7000-8000-000000000000'];
  test.each([
    ['neither ids nor a filter', {}, 'log_ids'],
    ['both', { log_ids: one, filter: { status: ['FAIL'] } }, 'filter'],
    ['a filter that names nothing', { filter: { direction: 'OUTBOUND' } }, 'filter'],
    ['a filter of calls', { filter: { direction: 'INBOUND', lab_id: 7 } }, 'filter'],
    ['no id at all', { log_ids: [] }, 'log_ids'],
    ['an unknown id', { log_ids: one }, 'log_ids.0'],
    ['a filter with a page', { filter: { status: ['FAIL'], cursor: 'x' } }, 'filter.cursor'],
    ['a rate of nothing', { log_ids: one, rate_per_minute: 0 }, 'rate_per_minute'],
    ['a bound of nothing', { log_ids: one, stop_after: 0 }, 'stop_after'],
    ['an unknown word', { log_ids: one, body: 'edited' }, 'body'],
  ])('%s', async (_, body, field) => {
    const refusal = await post(running, '/api/v1/retry-integrations', body, auth());
    expect(refusal.status).toBeGreaterThanOrEqual(400);
    expect(refusal.status).toBeLessThan(500);
    expect(await refusal.json()).toMatchObject({ errors: [{ field }] });
  });

  test.each([
    ['an unknown one', { bulk_retry_id: 'x', action: 'start' }, 404, 'UNKNOWN_BULK_RETRY'],
    ['an unknown act', { bulk_retry_id: 'x', action: 'stop' }, 422, 'INVALID_INPUT'],
    [
      'a total where nothing is started',
      { bulk_retry_id: 'x', action: 'pause', expected_total: 3 },
      422,
      'INVALID_INPUT',
    ],
  ])('%s', async (_, body, status, code) => {
    const refusal = await post(running, '/api/v1/control-bulk-retry', body, auth());
    expect(refusal.status).toBe(status);
    expect(await refusal.json()).toMatchObject({ code });
  });
});
