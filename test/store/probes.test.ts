import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BREAKER_OPENS_AT } from '../../src/shared/model/breaker.ts';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import type {
  AttemptReport,
  ClaimedTask,
  SettlementResult,
} from '../../src/shared/model/delivery.ts';
import { integrationPayloadOf } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, RULE, stampNext, statesIn } from './samples.ts';

const BUSY: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'REFUSED_RETRYABLE',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 503,
};
const BROKEN: Partial<AttemptReport> = { ...BUSY, certainty: 'UNKNOWN', responseStatusCode: 500 };
const RETRIES: Partial<IntegrationSettings> = {
  retryPolicy: { ...RULE.retryPolicy, schedule: [3_600_000, 7_200_000] },
};

let store: ReturnType<typeof openLocalStore>;
let now: number;

beforeEach(() => {
  store = openLocalStore();
  now = 10_000;
});
afterEach(() => store.close());

/** A rule of ours whose breaker ten others have opened, and one delivery that waits behind it. */
async function behindBreaker(settings: Partial<IntegrationSettings> = {}): Promise<string> {
  const rule = await configure(store, { ...RETRIES, ...settings });
  await store.acceptEvent(event(Array.from({ length: BREAKER_OPENS_AT }, () => delivery(rule))));
  for (let count = 0; count < BREAKER_OPENS_AT; count++) await attempt(BUSY);
  const one = delivery(rule);
  await store.acceptEvent(event([one]));
  return one.log.logId;
}

/** The next attempt, which ends so. */
async function attempt(
  outcome: Partial<AttemptReport>,
  settle: (task: ClaimedTask, told: AttemptReport) => Promise<SettlementResult> = inProcess,
): Promise<SettlementResult & { task: ClaimedTask }> {
  const { task } = await stampNext(store, 'w', now);
  const told = report(task.logId, { attempt: task.attempt, activityDate: now, ...outcome });
  now += 20_000;
  return { ...(await settle(task, told)), task };
}
const inProcess = ({ taskId }: ClaimedTask, told: AttemptReport) =>
  store.settle({ taskId, report: told, reportOverHttp: null });
/** The outcome is kept first, and applied when the callback route has taken it. */
const overHttp = async (task: ClaimedTask, told: AttemptReport) => {
  const settled = await store.settle({
    taskId: task.taskId,
    report: told,
    reportOverHttp: integrationPayloadOf(task),
  });
  await store.report(told);
  await store.reportTaken({ taskId: task.taskId });
  return settled;
};

const stepsOf = (logId: string) => {
  const db = new Database(store.file, { readonly: true });
  try {
    return db.prepare('SELECT retry_step FROM log WHERE log_id = ?').pluck().get(logId);
  } finally {
    db.close();
  }
};
const states = () => statesIn(store.file);
const lastState = () => states().at(-1);

describe('a probe while the breaker is open for failures', () => {
  test.each([
    ['in process', inProcess],
    ['over HTTP', overHttp],
  ])('that is refused for now waits in its place and uses no step: %s', async (_, settle) => {
    const logId = await behindBreaker();
    const { task, breaker } = await attempt(BUSY, settle);
    expect(task.logId).toBe(logId);
    expect(breaker).toBeUndefined();
    expect(lastState()).toBe('READY');
    expect(stepsOf(logId)).toBe(0);
    expect(await store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      retryState: 'SCHEDULED',
      heldReason: 'BREAKER_OPEN',
      nextRetryAt: now - 20_000 + 15_000,
      retryCount: 0,
    });
    // The very same goes next time, and as any other once the partner is well.
    expect((await attempt({}, settle)).task.logId).toBe(logId);
    expect(await store.getLog(logId)).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
  });

  test('that the partner may have got uses a step', async () => {
    const logId = await behindBreaker();
    await attempt(BROKEN);
    expect(lastState()).toBe('SCHEDULED');
    expect(stepsOf(logId)).toBe(1);
  });

  test('that proves the partner well, though it is refused for now, uses a step', async () => {
    const logId = await behindBreaker();
    expect(await attempt({ ...BUSY, responseStatusCode: 408 })).toMatchObject({
      breaker: { kind: 'CLOSED' },
    });
    expect(stepsOf(logId)).toBe(1);
  });

  test('fails where the rule makes no retries', async () => {
    const logId = await behindBreaker({ isRetryEnabled: false });
    await attempt(BUSY);
    expect(states()).toEqual([]);
    expect(await store.getLog(logId)).toMatchObject({ status: 'FAIL', retryState: 'NONE' });
  });

  test('asked for many times is kept once, with what it met', async () => {
    const logId = await behindBreaker();
    for (let count = 0; count < 5; count++) await attempt(BUSY);
    await attempt({ ...BUSY, responseStatusCode: 429 });
    const log = await store.getLog(logId);
    expect(log?.attempts.map((one) => [one.attempt, one.responseStatusCode])).toEqual([
      [1, 503],
      [5, 503],
      [6, 429],
    ]);
    expect(log?.activity.map(({ note }) => note)).toEqual([
      'Attempts 2 to 4 (3) ended like the one after them: the partner refused it for now (503). Only the newest is kept.',
    ]);
  });

  test('of an outside worker is one too', async () => {
    const logId = await behindBreaker();
    const [rule] = await store.listBreakers();
    const db = new Database(store.file);
    db.exec(`UPDATE lab_integration SET executor = 'external'`);
    db.close();
    const [task] = await store.lease({
      token: 't',
      worker: 'w',
      labIntegrationId: rule?.labIntegrationId ?? 0,
      limit: 5,
      leaseUntil: now + 60_000,
      now,
    });
    if (!task) throw new Error('nothing was leased');
    const lease = { logId, attempt: task.attempt, token: 't' };
    const stamp = {
      taskId: task.taskId,
      logId,
      attempt: task.attempt,
      kind: task.kind,
      revision: 1,
      configVersion: 1,
      endPoint: '',
      requestMethod: 'POST',
      requestHeaders: {},
      startedAt: now,
    };
    await store.startLease({ lease, stamp, leaseUntil: now + 60_000, now });
    const told = report(logId, { ...BUSY, activityDate: now });
    const settled = await store.settleLease({
      lease,
      report: told,
      stamp: null,
      goesBack: false,
      now,
    });
    expect(settled).toMatchObject({ outcome: 'SETTLED', end: { retry: null } });
    expect(lastState()).toBe('READY');
    expect(stepsOf(logId)).toBe(0);
  });
});

describe('a failure that is no probe', () => {
  test.each([
    ['in process', inProcess],
    ['over HTTP', overHttp],
  ])('uses a step, also the one that opens the breaker: %s', async (_, settle) => {
    const rule = await configure(store, RETRIES);
    await store.acceptEvent(event(Array.from({ length: BREAKER_OPENS_AT }, () => delivery(rule))));
    const ends = [];
    for (let count = 0; count < BREAKER_OPENS_AT; count++) ends.push(await attempt(BUSY, settle));
    expect(ends.at(-1)).toMatchObject({ breaker: { kind: 'OPENED' } });
    expect(new Set(states())).toEqual(new Set(['SCHEDULED']));
    expect(ends.map(({ task }) => stepsOf(task.logId))).toEqual(ends.map(() => 1));
  });
});

test('a probe that swings between failures of one kind and another warns and opens once', async () => {
  const rule = await configure(store, RETRIES);
  await store.acceptEvent(event(Array.from({ length: 40 }, () => delivery(rule))));
  const told: string[] = [];
  for (let count = 0; count < 30; count++) {
    const { breaker } = await attempt(
      [BUSY, BROKEN, { ...BUSY, responseStatusCode: 429 }][count % 3] ?? BUSY,
    );
    if (breaker) told.push(`${breaker.kind} ${breaker.failures}`);
  }
  const { breaker } = await attempt({});
  expect([...told, breaker?.kind]).toEqual([
    'WARNING 5',
    'WARNING 7',
    'WARNING 9',
    'OPENED 10',
    'CLOSED',
  ]);
});
