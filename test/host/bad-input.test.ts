import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { problemOf } from '../http/serving.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const BILL = { lab_id: 7, bill: { bill_id: 17 } };
const BILLS = '/billing/';

let receiver: Awaited<ReturnType<typeof partner>>;
let running: Host;
let inbound: Record<string, string>;
let internal: Record<string, string>;
let ruleId: number;

/** Everything that a refused call could have changed; that it was made has a log of its own. */
async function state() {
  const { total_estimate } = await call(running, 'searchLogs', {
    include_suppressed: true,
    direction: 'OUTBOUND',
  });
  const { logs_by_status, tasks_by_state } = await call(running, 'getHealth', {});
  const { items: rules } = await call(running, 'listLabIntegrations', {});
  return { total_estimate, logs_by_status, tasks_by_state, rules };
}

beforeAll(async () => {
  receiver = await partner();
  running = await host();
  const { rule, key } = await configureLab(running, receiver.url);
  ruleId = rule.lab_integration_id;
  inbound = { authorization: `Bearer ${key}` };
  const made = await call(running, 'createAccessKey', { kind: 'internal', name: 'Mirth' });
  internal = { 'x-internal-token': made.key };
});
afterAll(async () => {
  await running.close();
  await receiver.close();
});

interface Refusal {
  what: string;
  path: string;
  body: unknown;
  headers: () => Record<string, string>;
  status: number;
  code: string;
  field?: string;
}

const admin = () => ({ authorization: `Bearer ${adminToken(running)}` });

const refusals: Refusal[] = [
  {
    what: 'broken JSON',
    path: BILLS,
    body: '{"lab_id": 7,',
    headers: () => inbound,
    status: 400,
    code: 'INVALID_JSON',
    field: '',
  },
  {
    what: 'a wrong type',
    path: BILLS,
    body: { ...BILL, lab_id: '7' },
    headers: () => inbound,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'lab_id',
  },
  {
    what: 'an unknown field, such as an address of the caller',
    path: BILLS,
    body: { ...BILL, end_point: 'http://evil.example' },
    headers: () => inbound,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'end_point',
  },
  {
    what: 'an unknown lab',
    path: BILLS,
    body: { ...BILL, lab_id: 999 },
    headers: () => inbound,
    status: 422,
    code: 'UNKNOWN_LAB',
    field: 'lab_id',
  },
  {
    what: 'an unknown category',
    path: '/api/v1/events',
    body: { action_category: 'NO_SUCH', lab_id: 7, data: {} },
    headers: () => inbound,
    status: 422,
    code: 'UNKNOWN_ACTION_CATEGORY',
    field: 'action_category',
  },
  {
    what: 'a body of 20 MiB',
    path: BILLS,
    body: JSON.stringify({ ...BILL, note: 'x'.repeat(20 * 1024 * 1024) }),
    headers: () => inbound,
    status: 413,
    code: 'BODY_TOO_LARGE',
    field: '',
  },
  {
    what: 'no key',
    path: BILLS,
    body: BILL,
    headers: () => ({}),
    status: 401,
    code: 'UNAUTHENTICATED',
    field: 'Authorization',
  },
  {
    what: 'a wrong key',
    path: BILLS,
    body: BILL,
    headers: () => ({ authorization: 'Bearer lrk_in_wrong' }),
    status: 401,
    code: 'UNAUTHENTICATED',
    field: 'Authorization',
  },
  {
    what: 'a foreign origin',
    path: BILLS,
    body: BILL,
    headers: () => ({ ...inbound, origin: 'https://evil.example' }),
    status: 403,
    code: 'FOREIGN_ORIGIN',
    field: 'Origin',
  },
  {
    what: 'a report with a bad token',
    path: '/integration_callback/',
    body: { log_id: 'x', status: 'SUCCESS' },
    headers: () => ({ 'x-internal-token': 'wrong' }),
    status: 401,
    code: 'UNAUTHENTICATED',
    field: 'x-internal-token',
  },
  {
    what: 'a report on an unknown log',
    path: '/integration_callback/',
    body: { log_id: '0197b2f0-0000-7000-8000-000000000000', status: 'SUCCESS' },
    headers: () => internal,
    status: 404,
    code: 'UNKNOWN_LOG',
    field: 'log_id',
  },
  {
    what: 'a report with a callback address',
    path: '/integration_callback/',
    body: { log_id: 'x', integration_callback_url: 'http://169.254.169.254/' },
    headers: () => internal,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'integration_callback_url',
  },
  {
    what: 'a report with a callback address below integration_payload',
    path: '/integration_callback/',
    body: {
      log_id: 'x',
      stage: 'MIRTH',
      integration_payload: { integration_callback_url: 'http://169.254.169.254/' },
    },
    headers: () => internal,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'integration_payload.integration_callback_url',
  },
  {
    what: 'an event with a callback address',
    path: BILLS,
    body: {
      lab_id: 7,
      bill: {
        bill_id: 9,
        args: { integration_payload: { integration_callback_url: 'http://x/' } },
      },
    },
    headers: () => inbound,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'bill.args.integration_payload',
  },
  {
    what: 'a rule with a callback address',
    path: '/api/v1/add-update-webhook-integration',
    body: { integrationExtraDetails: { integration_callback_url: 'http://evil.example/' } },
    headers: admin,
    status: 422,
    code: 'INVALID_INPUT',
    field: 'integrationExtraDetails.integration_callback_url',
  },
  {
    what: 'an unknown log_id',
    path: '/api/v1/get-log',
    body: { log_id: '0197b2f0-0000-7000-8000-000000000000' },
    headers: admin,
    status: 404,
    code: 'UNKNOWN_LOG',
  },
];

describe('bad input to a whole LabRelay', () => {
  it.each(refusals)('$what is refused with $status, and nothing is kept', async (refusal) => {
    const before = await state();
    const response = await post(running, refusal.path, refusal.body, refusal.headers());
    expect(response.status).toBe(refusal.status);
    const problem = await problemOf(response);
    expect(problem.code).toBe(refusal.code);
    expect(problem.detail.length).toBeGreaterThan(10);
    if (refusal.field !== undefined) {
      expect(problem.errors.map(({ field }) => field)).toContain(refusal.field);
    }
    for (const { reason } of problem.errors) expect(reason).not.toBe('');
    expect(await state()).toEqual(before);
    expect(receiver.requests).toEqual([]);
  });

  it.each([
    ['loops', '($f := function($n){ $f($n + 1) }; $f(0))'],
    ['loops in a regular expression', '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /^(a+)+$/)'],
    ['is hungry for memory', '$pad("x", 300000000)'],
    ['fails on the data', '$number(bill.bill_number & "x")'],
    ['makes nothing', 'bill.no_such_field'],
    ['makes a number', 'bill.bill_id'],
  ])('a mapping that %s is refused when saved and when previewed', async (_what, mapping) => {
    const before = await state();
    const saved = await post(
      running,
      '/api/v1/add-update-webhook-integration',
      { lab_integration_id: ruleId, mapping },
      admin(),
    );
    const previewed = await post(
      running,
      '/api/v1/preview-payload',
      { lab_id: 7, action_category_list_id: 1, mapping, data: { bill: { bill_id: 1 } } },
      admin(),
    );
    for (const response of [saved, previewed]) {
      expect(response.status).toBe(422);
      const problem = await problemOf(response);
      expect(problem.code).toBe('MAPPING_FAILED');
      expect(problem.errors[0]?.field).toBe('mapping');
    }
    expect(await state()).toEqual(before);
  });
});
