import Database from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AttemptReport } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});

const REFUSED: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'NOT_SENT',
  errorKind: 'CONNECT',
  responseStatusCode: null,
};
const BROKEN: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'UNKNOWN',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 500,
};

/** One delivery that ends so. @returns what its settlement told of the breaker */
async function ends(outcome: Partial<AttemptReport>, overHttp = false) {
  await store.acceptEvent(event([delivery(rule)]));
  const { task } = await stampNext(store);
  const result = await store.settle({
    taskId: task.taskId,
    report: report(task.logId, { attempt: task.attempt, ...outcome }),
    reportOverHttp: overHttp
      ? {
          log_id: task.logId,
          attempt_id: `${task.logId}_a1`,
          integration_callback_url: '',
          lab_id: 1,
          lab_integration_id: rule,
          action_category: 'X',
          event_id: null,
        }
      : null,
  });
  return { ...result, taskId: task.taskId };
}

function state(): unknown {
  const db = new Database(store.file, { readonly: true });
  try {
    return db
      .prepare('SELECT failures, opened_at, open_reason, probe_at FROM integration_state')
      .get();
  } finally {
    db.close();
  }
}

describe('how an integration fares', () => {
  test('is not written for successes', async () => {
    for (let count = 0; count < 3; count++) expect(await ends({})).not.toHaveProperty('breaker');
    expect(state()).toBeUndefined();
  });

  test('is written for failures, and for the success that ends them', async () => {
    await ends(BROKEN);
    await ends(BROKEN);
    expect(state()).toMatchObject({ failures: 2, opened_at: null });
    await ends({});
    expect(state()).toMatchObject({ failures: 0 });
  });

  test('is told once a transition, in the settlement that made it', async () => {
    const told: unknown[] = [];
    for (let count = 0; count < 9; count++) {
      const { breaker } = await ends(BROKEN);
      if (breaker) told.push(`${breaker.kind} ${breaker.failures}`);
    }
    expect(told).toEqual(['WARNING 5', 'WARNING 7', 'WARNING 9']);
    expect(await ends(BROKEN)).toMatchObject({
      breaker: { kind: 'OPENED', reason: 'BREAKER', labIntegrationId: rule },
    });
    expect(state()).toEqual({
      failures: 10,
      opened_at: 2_000,
      open_reason: 'BREAKER',
      probe_at: 17_000,
    });
  });

  test('is known at once where the outcome is reported over HTTP later', async () => {
    const { breaker, taskId } = await ends(REFUSED, true);
    expect(breaker).toMatchObject({ kind: 'OPENED', reason: 'ENDPOINT_DOWN' });
    expect((await store.figures()).tasksByState).toEqual({ REPORTING: 1 });
    const [kept] = await store.pendingReports({ afterTaskId: 0, limit: 5 });
    if (!kept) throw new Error('nothing kept');
    await store.report(kept.report);
    await store.reportTaken({ taskId });
    // Taken, it waits for the endpoint like any other.
    expect((await store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: 1 });
    expect(await store.getLog(kept.report.logId)).toMatchObject({
      status: 'FAIL',
      retryState: 'SCHEDULED',
      heldReason: 'ENDPOINT_DOWN',
    });
  });

  test('is not moved by what others report later', async () => {
    const { logId } = await ends({ status: 'QUEUED', certainty: 'COMMITTED' });
    await store.report(report(logId, { status: 'FAIL', certainty: 'REFUSED' }));
    expect(state()).toBeUndefined();
  });

  test('is not moved by our own crash', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    await stampNext(store);
    await store.recover({ worker: 'w', now: 9_000, atStart: true });
    expect(state()).toBeUndefined();
  });

  test('is not asked before the partner wants it, unless the clock was set back', async () => {
    const busy: Partial<AttemptReport> = {
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      errorKind: 'HTTP_STATUS',
      responseStatusCode: 429,
    };
    for (let count = 0; count < 9; count++) await ends(busy);
    await ends({ ...busy, responseHeaders: { 'retry-after': '120' } });
    expect(state()).toEqual({
      failures: 10,
      opened_at: 2_000,
      open_reason: 'BREAKER',
      probe_at: 122_000,
    });
    const waiting = event([delivery(rule)]);
    await store.acceptEvent(waiting);
    expect(await store.getLog(waiting.deliveries[0]?.log.logId ?? '')).toMatchObject({
      heldReason: 'BREAKER_OPEN',
      nextRetryAt: 122_000,
    });
    const claims = async (now: number) => {
      const tasks = await store.claim({ worker: 'w', limit: 5, leaseUntil: 9e12, now });
      await store.release({ worker: 'w', taskIds: tasks.map(({ taskId }) => taskId) });
      return tasks.length;
    };
    expect(await store.nextDueAt({ now: 3_000 })).toBe(122_000);
    expect(await claims(2_000)).toBe(0);
    expect(await claims(121_999)).toBe(0);
    expect(await claims(122_000)).toBe(1);
    // It cannot be two minutes away any more.
    expect(await claims(1_999)).toBe(1);
  });

  test('is tried at once when the rule’s credentials have changed', async () => {
    const saved = await store.configuration.saveDeveloperAuthentication({
      developerAuthenticationId: null,
      expectedVersion: null,
      values: {
        labId: 1,
        organizationId: null,
        name: 'Partner',
        kind: 'none',
        publicKeys: {},
        sealedKeys: {},
        isActive: true,
      },
      now: 1,
    });
    if (saved.outcome !== 'SAVED') throw new Error(saved.outcome);
    const { developerAuthenticationId, updatedAt: _at, version: _version, ...values } = saved.row;
    rule = await configure(store, { developerAuthenticationId });
    await ends(REFUSED);
    expect(state()).toMatchObject({ probe_at: 17_000 });
    await store.configuration.saveDeveloperAuthentication({
      developerAuthenticationId,
      expectedVersion: null,
      values,
      now: 4_000,
    });
    expect(state()).toMatchObject({ probe_at: 4_000, open_reason: 'ENDPOINT_DOWN' });
  });
});
