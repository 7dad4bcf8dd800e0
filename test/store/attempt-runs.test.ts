import { beforeEach, describe, expect, test } from 'vitest';
import { PROBE_EVERY_MS } from '../../src/shared/model/breaker.ts';
import type { AttemptReport } from '../../src/shared/model/delivery.ts';
import { openLocalStore } from './local-store.ts';
import { retryOf } from './retrying.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let now = 1_000;

beforeEach(async () => {
  store = openLocalStore();
  now = 1_000;
  await store.acceptEvent(event([delivery(await configure(store))]));
});

/** One attempt more, which ends so. */
async function ends(outcome: Partial<AttemptReport>): Promise<string> {
  const { task } = await stampNext(store, 'w', now);
  await store.settle({
    taskId: task.taskId,
    report: report(task.logId, { attempt: task.attempt, activityDate: now + 1, ...outcome }),
    reportOverHttp: null,
  });
  now += PROBE_EVERY_MS + 1;
  return task.logId;
}
const unreached = (errorKind: 'CONNECT' | 'DNS'): Partial<AttemptReport> => ({
  status: 'FAIL',
  certainty: 'NOT_SENT',
  errorKind,
  responseStatusCode: null,
});

describe('a log that waits for long', () => {
  test('keeps its first attempt and the newest probe, and tells how many there were', async () => {
    let logId = '';
    for (let count = 0; count < 30; count++) logId = await ends(unreached('CONNECT'));
    const waiting = await store.getLog(logId);
    expect(waiting?.attempts.map(({ attempt }) => attempt)).toEqual([1, 30]);
    expect(waiting?.retryCount).toBe(0);
    expect(waiting?.activity).toEqual([
      expect.objectContaining({
        actor: 'LabRelay',
        kind: 'PROBES_FOLDED',
        note: 'Attempts 2 to 29 (28) ended like the one after them: nothing was sent (CONNECT). Only the newest is kept.',
      }),
    ]);
    await ends({});
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      attempts: [{ attempt: 1 }, { attempt: 30 }, { attempt: 31, status: 'SUCCESS' }],
    });
  });

  test('tells of a retry that a person wanted who it was and why, however long it waits', async () => {
    const logId = await ends({ ...unreached('CONNECT'), certainty: 'REFUSED' });
    await store.queueRetry(await retryOf(store, logId, { now }));
    for (let count = 0; count < 30; count++) await ends(unreached('CONNECT'));
    await ends({});
    const log = await store.getLog(logId);
    expect(
      log?.attempts.map(({ attempt, kind, retry }) => [attempt, kind, retry?.actor, retry?.reason]),
    ).toEqual([
      [1, 'FIRST', undefined, undefined],
      [2, 'MANUAL', 'Anna', 'asked the partner'],
      [31, 'AUTO', 'Anna', 'asked the partner'],
      [32, 'AUTO', 'Anna', 'asked the partner'],
    ]);
  });

  test('keeps where it met something else', async () => {
    let logId = '';
    for (const kind of ['DNS', 'DNS', 'DNS', 'CONNECT', 'CONNECT', 'CONNECT', 'DNS'] as const) {
      logId = await ends(unreached(kind));
    }
    const log = await store.getLog(logId);
    expect(log?.attempts.map(({ attempt, errorKind }) => `${attempt} ${errorKind}`)).toEqual([
      '1 DNS',
      '3 DNS',
      '6 CONNECT',
      '7 DNS',
    ]);
    expect(log?.activity.map(({ note }) => note.split(' ended')[0])).toEqual([
      'Attempt 2',
      'Attempts 4 to 5 (2)',
    ]);
  });
});
