import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Host } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { adminToken, call, configureLab, host, partner, post } from './hosting.ts';

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of close.splice(0).toReversed()) await one();
});

const REFUSED = { status: 422, body: '{"error":"total"}' };
const TAKEN = { status: 200, body: '{"ok":true}' };
const SECRET = 'Zebulon Quist';

let running: Host;
let answer: { status: number; body: string };
let peer: Awaited<ReturnType<typeof partner>>;
let key: string;
let logId: string;

/** A lab whose partner has refused a bill. */
beforeEach(async () => {
  answer = { ...REFUSED };
  peer = await partner(answer);
  close.push(() => peer.close());
  running = await host();
  close.push(() => running.close());
  const configured = await configureLab(running, peer.url);
  key = configured.key;
  logId = await bill({ bill_id: 1, total: 100, patient: { patient_id: 'P1', name: SECRET } });
  await settled(logId, 'REFUSED');
});

async function bill(document: Record<string, unknown>): Promise<string> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await post(running, '/billing/', { lab_id: 7, bill: document }, headers);
  const { log_ids } = (await response.json()) as { log_ids: string[] };
  return log_ids[0] ?? '';
}

const settled = (log_id: string, certainty: string, attempts = 1) =>
  vi.waitFor(
    async () => {
      const log = await call(running, 'getLog', { log_id });
      expect(log.attempts).toHaveLength(attempts);
      expect(log).toMatchObject({ certainty });
      expect(log.attempts.at(-1)?.status).not.toBeNull();
      return log;
    },
    { timeout: 10_000, interval: 20 },
  );

async function refusal(
  input: Omit<CallInput<'retryIntegration'>, 'log_id'>,
  token = adminToken(running),
) {
  const headers = { authorization: `Bearer ${token}` };
  const path = procedurePath('retryIntegration');
  const response = await post(running, path, { log_id: logId, ...input }, headers);
  return { status: response.status, problem: (await response.json()) as Record<string, unknown> };
}

const answerAs = (next: typeof answer) => Object.assign(answer, next);
const retry = (input: Omit<CallInput<'retryIntegration'>, 'log_id'> = {}) =>
  call(running, 'retryIntegration', { log_id: logId, ...input });
const preview = (input: Omit<CallInput<'previewRetry'>, 'log_id'> = {}) =>
  call(running, 'previewRetry', { log_id: logId, ...input });
const keys = () => peer.requests.map(({ headers }) => headers['webhook-id']);

describe('a refused bill', () => {
  test('that has not changed takes a reason, and goes again with its bytes and its key', async () => {
    expect(await preview()).toMatchObject({
      terms: 'REASON',
      doubts: [{ doubt: 'REFUSED_UNCHANGED' }],
      now: { outcome: 'SAME', revision: 1, key: logId, objects_from: 'LOCAL' },
      differences: [],
    });
    expect(await refusal({})).toMatchObject({
      status: 422,
      problem: {
        code: 'REASON_NEEDED',
        errors: [
          { field: 'reason', reason: expect.stringMatching(/refused this message/) as string },
        ],
      },
    });
    answerAs(TAKEN);
    const sent = await retry({ reason: 'the partner has mended it' });
    expect(sent).toMatchObject({
      attempt_id: `${logId}_a2`,
      revision: 1,
      key: logId,
      body: 'SAME',
      objects_from: 'LOCAL',
      waits: null,
      retry_count: 1,
    });
    const log = await settled(logId, 'ACCEPTED', 2);
    expect(keys()).toEqual([logId, logId]);
    expect(peer.requests[1]?.body).toBe(peer.requests[0]?.body);
    expect(log).toMatchObject({ status: 'SUCCESS', retry_state: 'NONE', retry_count: 1 });
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
    await settled(logId, 'ACCEPTED', 2);
    expect(keys()).toEqual([logId, `${logId}_r2`]);
    expect(JSON.parse(peer.requests[1]?.body ?? '')).toMatchObject({
      data: { bill: { total: 90 } },
    });
  });
});
