import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IntegrationSettings } from '../../src/shared/model/configuration.ts';
import { integrationPayloadOf, type NewLog } from '../../src/shared/model/delivery.ts';
import { HELD_FOR_UNKNOWN_MS } from '../../src/shared/model/ordering.ts';
import type { Certainty } from '../../src/shared/model/vocabulary.ts';
import { EVERY_LOG } from '../../src/shared/model/search.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

/** When every outcome below is told (see `report`). */
const ENDED = 2_000;

let store: OpenStore;
let rule: number;
let head: string;
let next: string;
let last: string;

/** Three deliveries of one ordering key. */
async function three(settings: Partial<IntegrationSettings> = {}): Promise<void> {
  rule = await configure(store, settings);
  [head = '', next = '', last = ''] = await queue(3);
}

async function queue(count: number, log: Partial<NewLog> = {}): Promise<string[]> {
  const some = Array.from({ length: count }, () => delivery(rule, { orderingKey: 'A', ...log }));
  await store.acceptEvent(event(some));
  return some.map((one) => one.log.logId);
}

/** Sends the next ready task; it ends so. @returns its log */
async function send(certainty: Certainty): Promise<string> {
  const { task } = await stampNext(store);
  const { taskId, attempt, logId } = task;
  await store.settle({ taskId, report: outcome(logId, certainty, attempt), reportOverHttp: null });
  return logId;
}

function outcome(logId: string, certainty: Certainty, attempt: number) {
  const isTaken = certainty === 'ACCEPTED' || certainty === 'COMMITTED';
  const status = certainty === 'COMMITTED' ? 'QUEUED' : isTaken ? 'SUCCESS' : 'FAIL';
  return report(logId, { certainty, status, attempt });
}

/** The logs that may be claimed now, without claiming them for good. */
async function ready(): Promise<string[]> {
  const tasks = await store.claim({ worker: 'look', limit: 10, leaseUntil: 9e12, now: 0 });
  await store.release({ worker: 'look', taskIds: tasks.map(({ taskId }) => taskId) });
  return tasks.map(({ logId }) => logId);
}

const waitOf = async (logId: string) => {
  const log = await store.getLog(logId);
  return [log?.heldReason, log?.waitsFor];
};

beforeEach(() => {
  store = openLocalStore();
});
afterEach(() => store.close());

describe('the followers of a head', () => {
  test.each([
    ['ACCEPTED', {}, 'go'],
    ['COMMITTED', {}, 'go'],
    ['NOT_SENT', { onRefused: 'hold' }, 'go'],
    ['REFUSED_RETRYABLE', { onRefused: 'hold' }, 'go'],
    ['REFUSED', {}, 'go'],
    ['REFUSED', { onRefused: 'hold' }, 'are held'],
    ['UNKNOWN', {}, 'are held'],
    ['UNKNOWN', { onUnknown: 'skip' }, 'go'],
  ] as const)('that ended %s under %j %s', async (certainty, settings, word) => {
    await three(settings);
    expect(await ready()).toEqual([head]);
    await send(certainty);
    expect(await ready()).toEqual(word === 'go' ? [next] : []);
  });

  test('do not go before an outcome that is reported over HTTP has been taken', async () => {
    await three();
    const { task } = await stampNext(store);
    const told = outcome(head, 'UNKNOWN', 1);
    const reportOverHttp = integrationPayloadOf(task);
    await store.settle({ taskId: task.taskId, report: told, reportOverHttp });
    expect(await ready()).toEqual([]);
    expect(await waitOf(next)).toEqual(['BEHIND_HEAD', head]);
    await store.report(told);
    await store.reportTaken({ taskId: task.taskId });
    expect(await waitOf(next)).toEqual(['HEAD_UNKNOWN', head]);
    expect(await ready()).toEqual([]);
  });

  test('are held when the engine dies under a head that may have left', async () => {
    await three();
    await stampNext(store);
    await store.recover({ worker: 'w', now: ENDED, atStart: true });
    expect(await ready()).toEqual([]);
    expect(await waitOf(next)).toEqual(['HEAD_UNKNOWN', head]);
  });

  test('go on when the engine dies under a head that has not left: it goes first again', async () => {
    await three();
    await store.claim({ worker: 'w', limit: 5, leaseUntil: 9e12, now: 0 });
    await store.recover({ worker: 'w', now: ENDED, atStart: true });
    expect(await ready()).toEqual([head]);
  });

  test('are held behind a head that died in the failed-task queue, if it may have left', async () => {
    await three();
    const { task } = await stampNext(store);
    const death = { cause: 'TIMEOUT', errorMessage: 'hung', at: ENDED } as const;
    await store.bury({ taskId: task.taskId, stamped: true, ...death });
    expect(await waitOf(next)).toEqual(['HEAD_UNKNOWN', head]);
  });

  test('go past one that died before anything left', async () => {
    await three();
    const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 });
    const death = { cause: 'EXCEPTION', errorMessage: 'broken', at: ENDED } as const;
    await store.bury({ taskId: task?.taskId ?? 0, stamped: false, ...death });
    expect(await ready()).toEqual([next]);
  });

  test('are those of its own integration and key alone', async () => {
    await three();
    const [other = ''] = await queue(1, { orderingKey: 'B' });
    await send('UNKNOWN');
    expect(await ready()).toEqual([other]);
  });
});

describe('what waits', () => {
  test('says for which log and why, in the document and in lists', async () => {
    await three();
    expect(await waitOf(head)).toEqual([null, null]);
    expect(await waitOf(last)).toEqual(['BEHIND_HEAD', head]);
    await send('UNKNOWN');
    const { items } = await store.searchLogs(EVERY_LOG);
    const told = new Map(items.map((log) => [log.logId, [log.heldReason, log.waitsFor]]));
    expect(told.get(head)).toEqual([null, null]);
    expect(told.get(next)).toEqual(['HEAD_UNKNOWN', head]);
    expect(told.get(last)).toEqual(['HEAD_UNKNOWN', head]);
  });

  test('is what comes later to a held key too', async () => {
    await three();
    for (const certainty of ['ACCEPTED', 'ACCEPTED', 'UNKNOWN'] as const) await send(certainty);
    const [late = ''] = await queue(1);
    expect(await ready()).toEqual([]);
    expect(await waitOf(late)).toEqual(['HEAD_UNKNOWN', last]);
  });
});

describe('a hold ends', () => {
  test('when a late report tells that the partner has the head', async () => {
    await three();
    await send('UNKNOWN');
    await store.report(outcome(head, 'ACCEPTED', 1));
    expect(await ready()).toEqual([next]);
    expect(await waitOf(last)).toEqual(['BEHIND_HEAD', next]);
  });

  test.each(['delivered', 'not_delivered'] as const)(
    'when a person closes the head as %s',
    async (resolution) => {
      await three();
      await send('UNKNOWN');
      const closed = { logId: head, resolution, reason: 'phoned', actor: 'Anna', now: 3_000 };
      expect(await store.resolveLog(closed)).toMatchObject({ outcome: 'RESOLVED' });
      expect(await ready()).toEqual([next]);
    },
  );

  test('when the head is sent again, past its followers, and taken', async () => {
    await three();
    await store.bury({
      taskId: (await stampNext(store)).task.taskId,
      cause: 'TIMEOUT',
      errorMessage: 'hung',
      stamped: true,
      at: ENDED,
    });
    await store.requeueFailedTask({ failedTaskId: 1, reason: 'asked', actor: 'Anna', now: 3_000 });
    expect(await ready()).toEqual([head]);
    expect(await send('ACCEPTED')).toBe(head);
    expect(await ready()).toEqual([next]);
  });

  test('not when the head is sent again and nothing new comes of it', async () => {
    for (const certainty of ['NOT_SENT', 'REFUSED_RETRYABLE', 'UNKNOWN'] as const) {
      await three();
      await store.bury({
        taskId: (await stampNext(store)).task.taskId,
        cause: 'TIMEOUT',
        errorMessage: 'hung',
        stamped: true,
        at: ENDED,
      });
      const [failed] = await store.listFailedTasks({
        beforeId: null,
        limit: 1,
        includeRequeued: false,
      });
      const failedTaskId = failed?.failedTaskId ?? 0;
      await store.requeueFailedTask({ failedTaskId, reason: 'asked', actor: 'Anna', now: 3_000 });
      expect(await send(certainty)).toBe(head);
      expect(await ready()).toEqual([]);
      // And its time is not counted anew.
      await store.tendOrder({ now: ENDED + HELD_FOR_UNKNOWN_MS });
      expect(await ready()).toContain(next);
      await send('ACCEPTED');
      await send('ACCEPTED');
    }
  });

  test('by itself after 30 minutes in doubt, told in the head’s log', async () => {
    await three();
    await send('UNKNOWN');
    const almost = await store.tendOrder({ now: ENDED + HELD_FOR_UNKNOWN_MS - 1 });
    expect(almost).toEqual({ expired: [], urgent: [] });
    expect(await store.tendOrder({ now: ENDED + HELD_FOR_UNKNOWN_MS })).toEqual({
      expired: [{ logId: head, labIntegrationId: rule, waiting: 2 }],
      urgent: [],
    });
    expect(await ready()).toEqual([next]);
    expect((await store.getLog(head))?.activity).toMatchObject([
      { actor: 'LabRelay', kind: 'KEY_RELEASED', note: expect.stringMatching(/2 deliveries/) },
    ]);
  });

  test('without a word where nobody waited', async () => {
    rule = await configure(store);
    await queue(1);
    await send('UNKNOWN');
    const tended = await store.tendOrder({ now: ENDED + HELD_FOR_UNKNOWN_MS });
    expect(tended).toEqual({ expired: [], urgent: [] });
    const [late] = await queue(1);
    expect(await ready()).toEqual([late]);
  });

  test('never by itself behind a refused head', async () => {
    await three({ onRefused: 'hold' });
    await send('REFUSED');
    expect(await store.tendOrder({ now: 9e12 })).toEqual({ expired: [], urgent: [] });
    expect(await waitOf(next)).toEqual(['HEAD_REFUSED', head]);
  });
});

describe('that a STAT delivery has become ready is told', () => {
  const wentOn = () => ({ labIntegrationId: rule, priority: 'STAT' });

  /** A head in doubt with a STAT delivery behind it. */
  async function statBehind(): Promise<void> {
    rule = await configure(store);
    [head = ''] = await queue(1);
    await send('UNKNOWN');
    await queue(1, { priority: 'STAT' });
  }

  test('to whoever reports that the partner has its head', async () => {
    await statBehind();
    expect(await store.report(outcome(head, 'ACCEPTED', 1))).toMatchObject({ wentOn: wentOn() });
  });

  test('to whoever closes its head, or releases its key', async () => {
    await statBehind();
    const closed = { logId: head, reason: 'phoned', actor: 'Anna', now: 3_000 };
    expect(await store.resolveLog({ ...closed, resolution: 'delivered' })).toEqual({
      outcome: 'RESOLVED',
      wentOn: wentOn(),
    });
    await store.close();
    store = openLocalStore();
    await statBehind();
    expect(await store.releaseOrderingKey({ ...closed, logId: head })).toMatchObject({
      wentOn: wentOn(),
    });
  });

  test('by the clock that releases it', async () => {
    await statBehind();
    const tended = await store.tendOrder({ now: ENDED + HELD_FOR_UNKNOWN_MS });
    expect(tended.urgent).toEqual([rule]);
  });

  test('by the callback route’s taking of its head’s outcome', async () => {
    rule = await configure(store);
    await queue(2, { priority: 'STAT' });
    const { task } = await stampNext(store);
    const { taskId, logId } = task;
    const told = outcome(logId, 'ACCEPTED', 1);
    const reportOverHttp = integrationPayloadOf(task);
    await store.settle({ taskId, report: told, reportOverHttp });
    await store.report(told);
    expect((await store.reportTaken({ taskId }))?.wentOn).toEqual(wentOn());
    expect(await store.reportTaken({ taskId })).toBeNull();
  });
});

describe('an operator releases a held key', () => {
  const release = (logId: string) =>
    store.releaseOrderingKey({ logId, reason: 'phoned them', actor: 'Anna', now: 5_000 });

  test.each(['head', 'follower'])(
    'by the log of its %s, with a note on the head',
    async (which) => {
      await three({ onRefused: 'hold' });
      await send('REFUSED');
      expect(await release(which === 'head' ? head : last)).toEqual({
        outcome: 'RELEASED',
        headLogId: head,
        waiting: 2,
        wentOn: { labIntegrationId: rule, priority: 'ROUTINE' },
      });
      expect(await ready()).toEqual([next]);
      expect((await store.getLog(head))?.activity).toMatchObject([
        { at: 5_000, actor: 'Anna', kind: 'KEY_RELEASED', note: 'phoned them' },
      ]);
    },
  );

  test('only if it is held', async () => {
    await three();
    expect(await release(next)).toEqual({ outcome: 'NOT_HELD' });
    expect(await release('none')).toEqual({ outcome: 'UNKNOWN_LOG' });
    const [free = ''] = await queue(1, { orderingKey: null });
    expect(await release(free)).toEqual({ outcome: 'NOT_HELD' });
  });
});

test('figures count held keys by their reason, and what waits among the tasks', async () => {
  await three();
  await send('UNKNOWN');
  expect((await store.orderFigures({ now: 0 })).heldKeys).toEqual({
    HEAD_UNKNOWN: 1,
    HEAD_REFUSED: 0,
    HEAD_RETRYING: 0,
  });
  const { tasksByState, oldestTaskAt } = await store.figures();
  expect(tasksByState).toEqual({ WAITING: 2 });
  expect(oldestTaskAt).toBe(1_000);
});
