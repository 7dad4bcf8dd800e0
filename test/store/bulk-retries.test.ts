import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { holdEverything } from '../../src/main/store/restore.ts';
import {
  BULK_RETRY_ACTIONS,
  type BulkCounts,
  type BulkFate,
  MAX_BULK_LOGS,
  type NewBulkRetry,
  type PlannedItem,
} from '../../src/shared/model/bulk-retry.ts';
import { decidedOn, type DecidedOn } from '../../src/shared/model/retry.ts';
import { endOf } from '../../src/shared/model/bulk-retry-steps.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, settleAs, stampNext } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

const REFUSED = { status: 'FAIL', certainty: 'REFUSED', responseStatusCode: 400 } as const;

/** Logs that the partner has refused, the oldest first. */
async function refused(count: number) {
  const made = Array.from({ length: count }, (_, index) => delivery(rule, { createdAt: index }));
  await store.acceptEvent(event(made));
  for (let n = 0; n < count; n++) await settleAs(store, (await stampNext(store)).task, REFUSED);
  const logs = await store.retryableLogs(made.map(({ log }) => log.logId));
  return logs.map((log) => ({ logId: log.logId, logSeq: log.logSeq, ...decidedOn(log) }));
}

let begun = 0;
function wanted(more: Partial<NewBulkRetry> = {}): NewBulkRetry {
  return {
    bulkRetryId: `bulk-${++begun}`,
    selection: { kind: 'LOGS', logIds: [] },
    options: {
      body: 'fresh',
      hasCanary: false,
      ratePerMinute: 600,
      stopAfter: 3,
      acceptsDuplicates: false,
      startsByItself: false,
    },
    reason: 'mended',
    actor: 'Asha',
    now: 5_000,
    ...more,
  };
}

const itemOf = (logSeq: number, more: Partial<PlannedItem> = {}): PlannedItem => ({
  logSeq,
  labIntegrationId: rule,
  certainty: 'REFUSED',
  verdict: null,
  ...more,
});

/** A row's retry with its stored body. */
function fateOf(
  bulkRetryId: string,
  position: number,
  log: DecidedOn & { logId: string },
): BulkFate {
  const { logId, revision } = log;
  const made = { body: 'STORED', objectsFrom: null, fallback: null, changed: [] } as const;
  return {
    position,
    isCanary: false,
    fate: {
      kind: 'QUEUE',
      retry: {
        logId,
        expect: decidedOn(log),
        body: { kind: 'STORED', revision },
        isBodyChosen: false,
        note: { ...made, changed: [], actor: 'Asha', reason: 'mended', bulkRetryId },
        now: 6_000,
      },
    },
  };
}

function sumOf(counts: BulkCounts): number {
  const { waiting, queued, succeeded, failed, refused: no, skipped } = counts;
  return waiting + queued + succeeded + failed + no + skipped;
}

describe('planning', () => {
  test('keeps a page once, whoever brings it again after a crash', async () => {
    const logs = await refused(3);
    const bulkRetrySeq = await store.beginBulkRetry(wanted());
    const [first = [], second = []] = [logs.slice(1), logs.slice(0, 1)].map((page) =>
      page.map(({ logSeq }) => itemOf(logSeq)),
    );
    const page = { bulkRetrySeq, from: null, to: '2', items: first, now: 1 };
    expect(await store.planBulkItems(page)).toBe(true);
    await store.planBulkItems({ bulkRetrySeq, from: '2', to: '3', items: second, now: 1 });
    expect(await store.planBulkItems(page)).toBe(true);
    expect(await store.bulkRetry(bulkRetrySeq)).toMatchObject({ total: 3 });
    expect(await store.bulkSelection(bulkRetrySeq)).toMatchObject({ cursor: '3' });
  });

  test('of more than a bulk retry may have ends in a refusal that says so', async () => {
    const [log] = await refused(1);
    const bulkRetrySeq = await store.beginBulkRetry(wanted());
    const db = new Database(store.file);
    db.prepare('UPDATE bulk_retry SET total = ?').run(MAX_BULK_LOGS);
    db.close();
    const items = [itemOf(log?.logSeq ?? 0)];
    const page = { bulkRetrySeq, from: null, to: '1', items, now: 1 };
    expect(await store.planBulkItems(page)).toBe(false);
    expect(await store.bulkRetry(bulkRetrySeq)).toMatchObject({
      state: 'CANCELLED',
      stop: { why: 'TOO_MANY' },
    });
  });
});

test('a log is in a bulk retry once, whatever is planned', async () => {
  const [log] = await refused(1);
  const bulkRetrySeq = await store.beginBulkRetry(wanted());
  const item = itemOf(log?.logSeq ?? 0);
  await store.planBulkItems({ bulkRetrySeq, from: null, to: '1', items: [item, item], now: 1 });
  expect(await store.bulkRetry(bulkRetrySeq)).toMatchObject({ total: 1 });
});

test('a row and its task are of one commit: what cannot be queued is not noted as queued', async () => {
  const [log] = await refused(1);
  if (!log) throw new Error('no log');
  const bulk = wanted();
  const bulkRetrySeq = await store.beginBulkRetry(bulk);
  const items = [itemOf(log.logSeq)];
  await store.planBulkItems({ bulkRetrySeq, from: null, to: '1', items, now: 1 });
  const plan = await store.countBulkPlan(bulkRetrySeq);
  await store.endBulkPlan({ bulkRetrySeq, plan, now: 1 });
  const { bulkRetryId } = bulk;
  const order = { bulkRetryId, action: 'start', actor: 'Asha', reason: null } as const;
  await store.actOnBulkRetry({ ...order, expectedTotal: null, now: 2 });
  const stale = fateOf(bulkRetryId, MAX_BULK_LOGS, { ...log, newestAttempt: 7 });
  const step = await store.queueBulkItems({ bulkRetrySeq, fates: [stale], now: 6_000 });
  expect(step).toMatchObject({ queued: 0, state: 'RUNNING' });
  expect(await store.getBulkRetry(bulkRetryId)).toMatchObject({ counts: { skipped: 1 } });
  expect((await store.figures()).tasksByState).toEqual({});
  // Its place is taken: whoever comes late with it changes nothing.
  const late = fateOf(bulkRetryId, MAX_BULK_LOGS, log);
  const again = await store.queueBulkItems({ bulkRetrySeq, fates: [late], now: 6_000 });
  expect(again.queued).toBe(0);
});

test('one that was under way in a backup stands still in the store that is made of it', async () => {
  const bulks = [];
  for (const state of ['PLANNING', 'PLANNED', 'CANARY', 'RUNNING', 'STOPPED']) {
    const wish = wanted();
    const startsByItself = { ...wish.options, startsByItself: true };
    bulks.push({ state, seq: await store.beginBulkRetry({ ...wish, options: startsByItself }) });
  }
  const db = new Database(store.file);
  for (const { state, seq } of bulks) {
    db.prepare('UPDATE bulk_retry SET state = ? WHERE bulk_retry_seq = ?').run(state, seq);
  }
  db.close();
  holdEverything(store.file, { since: 9, by: 'restore' } as never);
  const after = await Promise.all(bulks.map(({ seq }) => store.bulkRetry(seq)));
  expect(after.map((bulk) => bulk?.state)).toEqual([
    'PLANNING',
    'PLANNED',
    'PAUSED',
    'PAUSED',
    'STOPPED',
  ]);
  expect(after[0]?.options.startsByItself).toBe(false);
  expect(after[3]?.stop?.why).toBe('RESTORED');
});

/** What may happen to a bulk retry, in any order. */
const happening = fc.oneof(
  fc.record({ kind: fc.constant('act' as const), action: fc.constantFrom(...BULK_RETRY_ACTIONS) }),
  fc.record({ kind: fc.constant('queue' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant('attempt' as const),
    code: fc.constantFrom(200, 400, 500),
  }),
  fc.record({ kind: fc.constant('settle' as const) }),
  fc.record({ kind: fc.constant('takeOut' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('cancelLog' as const), which: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('end' as const) }),
);

test('whatever happens, its counts add up, no log is queued twice, and an end is an end', async () => {
  const logs = await refused(8);
  const verdicts = fc.array(fc.constantFrom(null, null, null, 'MAY_HOLD' as const), {
    minLength: 8,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(verdicts, fc.array(happening, { maxLength: 40 }), async (plans, story) => {
      const bulk = wanted();
      const { bulkRetryId } = bulk;
      const bulkRetrySeq = await store.beginBulkRetry(bulk);
      const found = logs.map(({ logSeq }, at) => itemOf(logSeq, { verdict: plans[at] ?? null }));
      await store.planBulkItems({ bulkRetrySeq, from: null, to: 'END', items: found, now: 1 });
      const plan = await store.countBulkPlan(bulkRetrySeq);
      await store.endBulkPlan({ bulkRetrySeq, plan, now: 1 });
      const queuedOnce = new Set<string>();
      let isOver = false;

      const check = async () => {
        const now = await store.getBulkRetry(bulkRetryId);
        if (!now) throw new Error('it is gone');
        expect(sumOf(now.counts)).toBe(now.total);
        expect(now.total).toBe(8);
        if (isOver) expect(now.endedAt).not.toBeNull();
        return now;
      };
      const settle = async () => {
        const queued = await store.queuedBulkItems({ bulkRetrySeq, bulkRetryId });
        const ended = queued.flatMap((item) => endOf(item, bulkRetryId, 9_000) ?? []);
        await store.settleBulkItems({ bulkRetrySeq, ended, now: 9_000 });
      };
      const attempt = async (code: number) => {
        const [task] = await store.claim({ worker: 'w', limit: 1, leaseUntil: 1e12, now: 0 });
        if (!task) return;
        await store.release({ worker: 'w', taskIds: [task.taskId] });
        const { task: own } = await stampNext(store);
        const outcome =
          code === 200
            ? {}
            : code === 400
              ? REFUSED
              : ({ status: 'FAIL', certainty: 'UNKNOWN', responseStatusCode: 500 } as const);
        await settleAs(store, own, outcome);
      };
      const queue = async (count: number) => {
        const wants = [{ labIntegrationId: rule, limit: count }];
        const next = await store.nextBulkItems({ bulkRetrySeq, wants });
        const facts = await store.retryableLogs(next.map(({ logId }) => logId));
        const fates = next.flatMap(({ position }, at) => {
          const log = facts[at];
          return log ? [fateOf(bulkRetryId, position, log)] : [];
        });
        const before = await check();
        const step = await store.queueBulkItems({ bulkRetrySeq, fates, now: 6_000 });
        const after = await check();
        expect(after.counts.queued - before.counts.queued).toBe(step.queued);
        if (!['CANARY', 'RUNNING'].includes(before.state)) expect(step.queued).toBe(0);
        const items = await store.bulkRetryItems({
          bulkRetrySeq,
          state: 'QUEUED',
          after: 0,
          limit: 10,
        });
        const fresh = items.filter(({ logId }) => next.some((one) => one.logId === logId));
        for (const { logId } of fresh) {
          expect(queuedOnce.has(logId)).toBe(false);
          queuedOnce.add(logId);
        }
      };

      for (const one of story) {
        switch (one.kind) {
          case 'act': {
            const { action } = one;
            const order = { bulkRetryId, action, actor: 'Asha', reason: null };
            await store.actOnBulkRetry({ ...order, expectedTotal: null, now: 2 });
            break;
          }
          case 'queue':
            await queue(one.count);
            break;
          case 'attempt':
            await attempt(one.code);
            break;
          case 'settle':
            await settle();
            break;
          case 'takeOut':
            await store.cancelBulkItems({ bulkRetrySeq, limit: one.limit, now: 7_000 });
            break;
          case 'cancelLog': {
            const logId = logs[one.which]?.logId ?? '';
            await store.cancelRetry({ logId, actor: 'Ravi', reason: 'no', now: 7_000 });
            break;
          }
          case 'end': {
            const counts = await store.bulkCounts(bulkRetrySeq);
            isOver ||= await store.endBulkRetry({ bulkRetrySeq, counts, now: 8_000 });
            break;
          }
        }
        await check();
      }

      // However it stands, it can be brought to its end.
      const order = { bulkRetryId, action: 'cancel', actor: 'Asha', reason: null } as const;
      await store.actOnBulkRetry({ ...order, expectedTotal: null, now: 2 });
      while ((await store.cancelBulkItems({ bulkRetrySeq, limit: 3, now: 7_000 })) > 0);
      for (let n = 0; n < 8; n++) await attempt(200);
      await settle();
      const counts = await store.bulkCounts(bulkRetrySeq);
      expect(counts.queued + counts.waiting).toBe(0);
      await store.endBulkRetry({ bulkRetrySeq, counts, now: 8_000 });
      expect(await check()).toMatchObject({ endedAt: 8_000 });
      expect((await store.figures()).tasksByState).toEqual({});
    }),
    { numRuns: 25 },
  );
}, 60_000);
