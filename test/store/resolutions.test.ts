import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Resolution } from '../../src/shared/model/vocabulary.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, RULE, stampNext } from './samples.ts';

let store: OpenStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

const HANDED_ON = { status: 'QUEUED', certainty: 'COMMITTED' } as const;
const IN_DOUBT = { status: 'FAIL', certainty: 'UNKNOWN' } as const;
const REFUSED = { status: 'FAIL', certainty: 'REFUSED' } as const;

/** A log whose one attempt has ended so. */
async function ended(outcome: Parameters<typeof report>[1]): Promise<string> {
  const one = delivery(rule);
  await store.acceptEvent(event([one]));
  const { task } = await stampNext(store);
  const { logId } = one.log;
  await store.settle({ taskId: task.taskId, report: report(logId, outcome), reportOverHttp: null });
  return logId;
}

const resolve = (logId: string, resolution: Resolution) =>
  store.resolveLog({ logId, resolution, reason: 'the lab called', actor: 'Anna', now: 5_000 });

describe('closing a log by hand', () => {
  test.each([
    [HANDED_ON, 'delivered', 'SUCCESS'],
    [HANDED_ON, 'not_delivered', 'FAIL'],
    [IN_DOUBT, 'delivered', 'SUCCESS'],
    [IN_DOUBT, 'not_delivered', 'FAIL'],
  ] as const)('%j as %s makes it %s, with a note', async (outcome, resolution, status) => {
    const logId = await ended(outcome);
    expect(await resolve(logId, resolution)).toMatchObject({ outcome: 'RESOLVED' });
    expect(await store.getLog(logId)).toMatchObject({
      status,
      certainty: outcome.certainty,
      resolution,
      resolvedAt: 5_000,
      attempts: [outcome],
      activity: [{ at: 5_000, actor: 'Anna', kind: 'RESOLVED' }],
    });
    const note = (await store.getLog(logId))?.activity[0]?.note;
    expect(note).toContain('the lab called');
  });

  test.each([
    ['was refused', REFUSED],
    ['was delivered', { status: 'SUCCESS', certainty: 'ACCEPTED' }],
    ['reports no status', { status: 'SUPPRESSED', certainty: 'UNKNOWN' }],
  ] as const)('is refused where it %s', async (_, outcome) => {
    const logId = await ended(outcome);
    expect(await resolve(logId, 'delivered')).toMatchObject({ outcome: 'SETTLED' });
    expect(await store.getLog(logId)).toMatchObject({ ...outcome, resolution: null, activity: [] });
  });

  test('is refused while a task is open, and for an unknown log', async () => {
    const waiting = delivery(rule);
    await store.acceptEvent(event([waiting]));
    expect(await resolve(waiting.log.logId, 'delivered')).toEqual({ outcome: 'OPEN_TASK' });
    expect(await resolve('nobody', 'delivered')).toEqual({ outcome: 'NOT_FOUND' });
  });

  const RETRIED = { retryPolicy: { ...RULE.retryPolicy, schedule: [60_000] } };
  const BAD_GATEWAY = { ...IN_DOUBT, errorKind: 'HTTP_STATUS', responseStatusCode: 502 } as const;

  test('as delivered stops the retry that the schedule has in mind, and what waits goes on', async () => {
    rule = await configure(store, RETRIED);
    const [head, next] = [
      delivery(rule, { orderingKey: 'A' }),
      delivery(rule, { orderingKey: 'A' }),
    ];
    await store.acceptEvent(event([head, next]));
    const { task } = await stampNext(store);
    const { logId } = head.log;
    const failed = report(logId, BAD_GATEWAY);
    await store.settle({ taskId: task.taskId, report: failed, reportOverHttp: null });
    expect(await store.getLog(logId)).toMatchObject({ retryState: 'SCHEDULED' });
    expect(await resolve(logId, 'delivered')).toEqual({
      outcome: 'RESOLVED',
      wentOn: { labIntegrationId: rule, priority: 'ROUTINE' },
    });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      retryState: 'CANCELLED',
      nextRetryAt: null,
    });
    expect((await store.figures()).tasksByState).toEqual({ READY: 1 });
  });

  test('as not delivered leaves the schedule its retry: it is refused', async () => {
    rule = await configure(store, RETRIED);
    const logId = await ended(BAD_GATEWAY);
    expect(await resolve(logId, 'not_delivered')).toEqual({ outcome: 'OPEN_TASK' });
    expect(await store.getLog(logId)).toMatchObject({ retryState: 'SCHEDULED', resolution: null });
  });

  test('can be corrected, and says when the same was said before', async () => {
    const logId = await ended(IN_DOUBT);
    await resolve(logId, 'delivered');
    expect(await resolve(logId, 'delivered')).toEqual({ outcome: 'ALREADY_RESOLVED' });
    expect(await resolve(logId, 'not_delivered')).toMatchObject({ outcome: 'RESOLVED' });
    expect(await store.getLog(logId)).toMatchObject({
      status: 'FAIL',
      resolution: 'not_delivered',
      activity: [{}, {}],
    });
  });
});

describe('a signal after a log was closed as not delivered', () => {
  test('that the receiver has accepted it counts more, and takes the place of the word', async () => {
    const logId = await ended(HANDED_ON);
    await resolve(logId, 'not_delivered');
    await store.report(report(logId));
    expect(await store.getLog(logId)).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      resolution: null,
      resolvedAt: null,
    });
  });

  test.each([HANDED_ON, REFUSED, { status: 'FAIL', certainty: 'NOT_SENT' } as const])(
    'of less changes nothing of the log: %j',
    async (outcome) => {
      const logId = await ended(IN_DOUBT);
      await resolve(logId, 'not_delivered');
      await store.report(report(logId, outcome));
      expect(await store.getLog(logId)).toMatchObject({
        status: 'FAIL',
        certainty: 'UNKNOWN',
        resolution: 'not_delivered',
      });
    },
  );
});
