import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BuiltRevision } from '../../src/shared/model/delivery.ts';
import { PROBE_EVERY_MS } from '../../src/shared/model/breaker.ts';
import { openLocalStore } from './local-store.ts';
import { attemptEnds, endedLog, type LocalStore, NOTE, retryOf, tamper } from './retrying.ts';
import {
  configure,
  delivery,
  event,
  report,
  settleAs,
  stampNext,
  statesIn,
  UNREACHED,
} from './samples.ts';

let store: LocalStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  // The schedule is another matter.
  rule = await configure(store, { isRetryEnabled: false });
});
afterEach(() => store.close());

const built = (sha256: string, body = `{"is":"${sha256}"}`): BuiltRevision => ({
  body,
  sha256,
  contentType: 'application/json',
  configVersion: 2,
  objectsFrom: 'SOURCE',
  fallback: null,
});
const NONE = { outcome: 'NOT_QUEUED' };

describe('a retry by hand', () => {
  test('is queued with its count, its note and its line in the activity, and its attempt keeps who wanted it', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    expect(await store.queueRetry(await retryOf(store, logId))).toEqual({
      outcome: 'QUEUED',
      logId,
      labIntegrationId: rule,
      attempt: 2,
      revision: 1,
      isUrgent: false,
      waits: null,
      retryCount: 1,
    });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      retryState: 'SCHEDULED',
      retryCount: 1,
      activity: [
        {
          at: 5_000,
          actor: 'Anna',
          kind: 'RETRIED',
          note: 'asked the partner',
          detail: { attempt: 2, revision: 1, body: 'STORED', changed: [] },
        },
      ],
    });
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ logId, kind: 'MANUAL', attempt: 2, revision: 1 });
    expect(await store.getLog(logId)).toMatchObject({ retryState: 'RUNNING' });
    await settleAs(store, task, {});
    const log = await store.getLog(logId);
    expect(log).toMatchObject({ status: 'SUCCESS', retryState: 'NONE' });
    expect(log?.attempts.map(({ retry }) => retry)).toEqual([null, NOTE]);
  });

  test('of changed bytes makes a revision; of bytes that any revision has, it keeps that one’s key', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const send = async (sha256: string) => {
      const body = { kind: 'BUILT', revision: built(sha256) } as const;
      const queued = await store.queueRetry(await retryOf(store, logId, { body }));
      await attemptEnds(store, 'REFUSED');
      return queued;
    };
    expect(await send('two')).toMatchObject({ revision: 2 });
    expect(await send('three')).toMatchObject({ revision: 3 });
    // The first one's hash is x.
    expect(await send('x')).toMatchObject({ revision: 1 });
    expect(await send('two')).toMatchObject({ revision: 2 });
    expect(await store.getLog(logId)).toMatchObject({
      revision: 2,
      revisions: [
        { revision: 1, reason: 'FIRST' },
        { revision: 2, reason: 'REBUILT', objectsFrom: 'SOURCE', configVersion: 2 },
        { revision: 3, reason: 'REBUILT' },
      ],
    });
  });

  test('of an edit keeps the original, and says that a person wrote it', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const { objectsFrom: _, fallback: __, ...edit } = built('edit', '{"typed":1}');
    const body = { kind: 'EDITED', revision: edit } as const;
    await store.queueRetry(await retryOf(store, logId, { body, isBodyChosen: true }));
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ body: '{"typed":1}', revision: 2 });
    expect((await store.getLog(logId))?.revisions).toMatchObject([
      { reason: 'FIRST', body: '{"a":1}' },
      { reason: 'EDITED', objectsFrom: null },
    ]);
  });

  test('of a log that was born failed has its first body', async () => {
    const made = { ...delivery(rule, { status: 'FAIL', errorKind: 'PAYLOAD' }), revision: null };
    await store.acceptEvent(event([made]));
    const { logId } = made.log;
    const stored = { kind: 'STORED', revision: 1 } as const;
    expect(await store.queueRetry(await retryOf(store, logId, { body: stored }))).toEqual({
      ...NONE,
      why: 'NO_BODY',
    });
    const body = { kind: 'BUILT', revision: built('first') } as const;
    const queued = await store.queueRetry(await retryOf(store, logId, { body }));
    expect(queued).toMatchObject({ revision: 1, attempt: 1 });
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ logId, revision: 1, attempt: 1, kind: 'MANUAL' });
  });
});

describe('what the schedule had in mind', () => {
  const scheduled = async (more: { orderingKey?: string } = {}) => {
    const logId = await endedLog(store, rule, 'UNKNOWN', more);
    await store.queueRetry(await retryOf(store, logId));
    const at = `state = 'SCHEDULED', kind = 'AUTO', due_at = 900000, waits_from = 4000`;
    tamper(store, `UPDATE task SET ${at}; UPDATE log SET next_retry_at = 900000, retry_step = 3`);
    return logId;
  };

  test('is replaced: it goes now, once, and the schedule begins at its beginning', async () => {
    const logId = await scheduled();
    expect(await store.queueRetry(await retryOf(store, logId))).toMatchObject({
      outcome: 'QUEUED',
      attempt: 2,
      retryCount: 2,
    });
    expect(statesIn(store.file)).toEqual(['READY']);
    expect(await store.getLog(logId)).toMatchObject({ nextRetryAt: null });
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ logId, kind: 'MANUAL', attempt: 2 });
    await settleAs(store, task, {});
    expect(await store.claim({ worker: 'w', limit: 9, leaseUntil: 9e12, now: 9e11 })).toEqual([]);
  });

  test('keeps its place in its ordering key, before those that came later', async () => {
    const logId = await scheduled({ orderingKey: 'K' });
    const second = delivery(rule, { orderingKey: 'K' });
    await store.acceptEvent(event([second]));
    expect(await store.queueRetry(await retryOf(store, logId))).toMatchObject({ waits: null });
    const { task } = await stampNext(store);
    expect(task.logId).toBe(logId);
    await settleAs(store, task, {});
    expect((await stampNext(store)).task.logId).toBe(second.log.logId);
  });

  test('of a key in which another is under way waits for that, and says so', async () => {
    const logId = await endedLog(store, rule, 'REFUSED', { orderingKey: 'K' });
    await store.acceptEvent(event([delivery(rule, { orderingKey: 'K' })]));
    expect(await store.queueRetry(await retryOf(store, logId))).toMatchObject({
      outcome: 'QUEUED',
      waits: 'BEHIND_HEAD',
    });
  });
});

describe('nothing is queued, and nothing changed,', () => {
  /** @param make leaves a log that cannot be retried, and tells its id */
  const refused = async (logId: string, why: string, more = {}) => {
    const request = await retryOf(store, logId, {
      body: { kind: 'BUILT', revision: built('new') },
      ...more,
    });
    const before = await store.getLog(logId);
    expect(await store.queueRetry(request)).toEqual({ ...NONE, why });
    expect(await store.getLog(logId)).toEqual(before);
  };

  test('of a log that nobody knows', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const request = await retryOf(store, logId);
    expect(await store.queueRetry({ ...request, logId: 'none' })).toEqual({
      ...NONE,
      why: 'NOT_FOUND',
    });
  });

  test('of a call into the lab', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    tamper(store, `UPDATE log SET direction = 'INBOUND'`);
    await refused(logId, 'CALL');
  });

  test('while an attempt is being made, or is about to be', async () => {
    const first = delivery(rule);
    await store.acceptEvent(event([first]));
    await refused(first.log.logId, 'UNDER_WAY');
    const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    await refused(first.log.logId, 'UNDER_WAY');
    await store.release({ worker: 'w', taskIds: [task?.taskId ?? 0] });
    await stampNext(store);
    await refused(first.log.logId, 'UNDER_WAY');
  });

  test('behind another person’s retry', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const request = await retryOf(store, logId);
    const both = await Promise.all([store.queueRetry(request), store.queueRetry(request)]);
    expect(both).toMatchObject([{ outcome: 'QUEUED' }, { ...NONE, why: 'UNDER_WAY' }]);
    expect(await store.getLog(logId)).toMatchObject({ retryCount: 1, activity: [{}] });
  });

  test('where the log is not as it was decided on', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const { expect: decided } = await retryOf(store, logId);
    await refused(logId, 'CHANGED', { expect: { ...decided, newestAttempt: 0 } });
    await refused(logId, 'CHANGED', { expect: { ...decided, revision: 2 } });
  });

  test('where it is told between decision and queueing that the partner has it', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    const request = await retryOf(store, logId);
    const told = { status: 'SUCCESS', certainty: 'ACCEPTED', reporter: 'partner' } as const;
    const at = { activityDate: 5_000, receivedAt: 5_000 };
    await store.report(report(logId, { attempt: 1, ...told, ...at }));
    expect(await store.queueRetry(request)).toEqual({ ...NONE, why: 'CHANGED' });
  });

  test('where somebody closes it as delivered meanwhile', async () => {
    const logId = await endedLog(store, rule, 'UNKNOWN');
    const request = await retryOf(store, logId);
    const word = { resolution: 'delivered', reason: 'asked', actor: 'Anna', now: 5_000 } as const;
    await store.resolveLog({ logId, ...word });
    expect(await store.queueRetry(request)).toEqual({ ...NONE, why: 'CHANGED' });
  });

  test('where a restored backup holds it', async () => {
    const waiting = delivery(rule);
    await store.acceptEvent(event([waiting]));
    tamper(
      store,
      `UPDATE task SET state = 'HELD', kind = 'AUTO';
       UPDATE log SET held_reason = 'RESTORED_BACKUP', retry_state = 'HELD'`,
    );
    await refused(waiting.log.logId, 'HELD');
  });

  test('where its rule is switched off', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    tamper(store, 'UPDATE lab_integration SET is_active = 0');
    await refused(logId, 'DISABLED');
  });

  test('with a revision that it does not have', async () => {
    const logId = await endedLog(store, rule, 'REFUSED');
    await refused(logId, 'NO_BODY', { body: { kind: 'STORED', revision: 4 } });
  });
});

test('while the breaker is open it waits for the probe, which goes at once', async () => {
  const down = await configure(store);
  const logId = await endedLog(store, down, 'REFUSED');
  await store.acceptEvent(event([delivery(down)]));
  const { task } = await stampNext(store);
  await settleAs(store, task, { ...UNREACHED, activityDate: 4_000 });
  const claim = (now: number) => store.claim({ worker: 'w', limit: 9, leaseUntil: 9e12, now });
  expect(await claim(5_000)).toEqual([]);
  const retry = await retryOf(store, logId);
  expect(await store.queueRetry(retry)).toMatchObject({ waits: 'ENDPOINT_DOWN' });
  expect(await store.getLog(logId)).toMatchObject({ heldReason: 'ENDPOINT_DOWN' });
  expect(await claim(5_000)).toHaveLength(1);
});

test('of many at once none asks for a probe of its own', async () => {
  const down = await configure(store);
  const logIds = [await endedLog(store, down, 'REFUSED'), await endedLog(store, down, 'REFUSED')];
  await store.acceptEvent(event([delivery(down)]));
  const { task } = await stampNext(store);
  await settleAs(store, task, { ...UNREACHED, activityDate: 4_000 });
  for (const logId of logIds) {
    const note = { ...NOTE, bulkRetryId: 'bulk-1' };
    const queued = await store.queueRetry(await retryOf(store, logId, { note }));
    expect(queued).toMatchObject({ outcome: 'QUEUED', waits: 'ENDPOINT_DOWN' });
  }
  const claim = (now: number) => store.claim({ worker: 'w', limit: 9, leaseUntil: 9e12, now });
  expect(await claim(5_000)).toEqual([]);
  expect(await claim(4_000 + PROBE_EVERY_MS)).toHaveLength(1);
});

test('a person’s reason holds for as long as it waits for its endpoint, whatever has overtaken it', async () => {
  const down = await configure(store);
  const logId = await endedLog(store, down, 'REFUSED', { orderingKey: 'K' });
  await endedLog(store, down, 'ACCEPTED', { orderingKey: 'K' });
  await store.queueRetry(await retryOf(store, logId));
  const { task: first } = await stampNext(store, 'w', 6_000);
  await settleAs(store, first, { ...UNREACHED, activityDate: 6_100 });
  const [again] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 60_000 });
  expect(again).toMatchObject({ logId, attempt: 3 });
  const stamp = {
    taskId: again?.taskId ?? 0,
    logId,
    attempt: 3,
    kind: again?.kind ?? 'AUTO',
    revision: 1,
    configVersion: 1,
    endPoint: 'http://127.0.0.1:9/',
    requestMethod: 'POST',
    requestHeaders: {},
    startedAt: 60_000,
  };
  expect(await store.stamp({ worker: 'w', stamp })).toBe(true);
});
