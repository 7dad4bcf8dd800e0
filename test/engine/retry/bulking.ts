import { vi } from 'vitest';
import { BulkPlanner } from '../../../src/main/engine/retry/bulk-planner.ts';
import { BulkRetries } from '../../../src/main/engine/retry/bulk-retries.ts';
import { BulkRunner } from '../../../src/main/engine/retry/bulk-runner.ts';
import { BulkSender } from '../../../src/main/engine/retry/bulk-sender.ts';
import type {
  BulkItem,
  BulkOptions,
  BulkRetryRecord,
  BulkRetryState,
  BulkSelection,
  BulkStop,
} from '../../../src/shared/model/bulk-retry.ts';
import { type AttemptReport, stampOf } from '../../../src/shared/model/delivery.ts';
import type { PreparedRetry } from '../../../src/shared/model/retry.ts';
import { EVERY_LOG, type LogSearch } from '../../../src/shared/model/search.ts';
import { openLocalStore } from '../../store/local-store.ts';
import { configure, delivery, event, RULE, settleAs } from '../../store/samples.ts';

export const GOOD: Partial<AttemptReport> = {};
export const REFUSED: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'REFUSED',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 400,
};
export const BROKEN: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'UNKNOWN',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 500,
};

const OPTIONS: BulkOptions = {
  body: 'fresh',
  hasCanary: true,
  ratePerMinute: 100_000,
  stopAfter: 10,
  acceptsDuplicates: false,
  startsByItself: false,
};

export type Bulking = Awaited<ReturnType<typeof bulking>>;

/**
 * The rooms of bulk retries on a real store. In the place of the dispatcher stands a worker that ends
 * each attempt as `room.answer` says; null: it is not claimed before somebody calls `deliver` again.
 */
export async function bulking() {
  const store = openLocalStore();
  let newest = 0;
  const room = {
    store,
    /** Ahead of the time (ms). */
    ahead: 0,
    answer: (_logId: string): Partial<AttemptReport> | null => GOOD,
    /** Attempts in the order in which they were made. */
    sent: [] as string[],
    stops: [] as BulkStop[],
    troubles: [] as string[],
    isStoreRefusing: false,
    /** What preparing gives instead; null: the stored body. */
    prepared: (_logId: string): PreparedRetry | Error | null => null,
    isActive: true,
  };
  const clock = () => Date.now() + room.ahead;
  let delivering: Promise<void> = Promise.resolve();
  /** Claims and ends what is ready, until nothing is. */
  const workOff = async (): Promise<void> => {
    for (let done = 1; done > 0; ) {
      done = 0;
      const request = { worker: 'w', limit: 20, leaseUntil: clock() + 60_000, now: clock() };
      const undone: number[] = [];
      for (const task of await store.claim(request)) {
        const outcome = room.answer(task.logId);
        if (outcome === null) {
          undone.push(task.taskId);
          continue;
        }
        const facts = {
          configVersion: 1,
          endPoint: 'http://127.0.0.1:9/',
          requestMethod: 'POST',
          requestHeaders: {},
          startedAt: clock(),
        } as const;
        await store.stamp({ worker: 'w', stamp: stampOf(task, facts) });
        room.sent.push(task.logId);
        await settleAs(store, task, { activityDate: clock(), ...outcome });
        done++;
      }
      if (undone.length > 0) await store.release({ worker: 'w', taskIds: undone });
      runner.notify();
    }
  };
  /** One after the other. */
  const deliver = (): Promise<void> => {
    const before = delivering;
    delivering = (async () => {
      await before;
      await workOff();
    })();
    return delivering;
  };
  const newRunner = () =>
    new BulkRunner({
      store,
      planner: new BulkPlanner({
        store,
        clock,
        configuration: {
          integration: (id) =>
            ({ ...RULE, labIntegrationId: id, isActive: room.isActive }) as never,
        },
      }),
      sender: new BulkSender({
        store,
        clock,
        prepare: async (logId, wish) => {
          const given = room.prepared(logId);
          if (given instanceof Error) throw given;
          if (given) return given;
          const log = await store.retryableLog(logId);
          if (!log) throw new Error(`no log ${logId}`);
          return {
            outcome: 'READY',
            log,
            body: { kind: 'STORED', revision: log.revision },
            isBodyChosen: wish.body.kind === 'STORED',
            made: { body: 'STORED', objectsFrom: null, fallback: null, changed: [] },
            sha256: log.sha256,
            doubts: [],
            sentences: [],
          };
        },
        onQueued: () => void deliver(),
        onTrouble: (_what, message) => room.troubles.push(message),
      }),
      isStoreRefusing: () => room.isStoreRefusing,
      clock,
      onChange: () => {},
      onStopped: (_bulk, stop) => room.stops.push(stop),
      onTakenOut: () => void deliver(),
      onTrouble: (_what, message) => room.troubles.push(message),
    });
  let runner = newRunner();
  const retries = new BulkRetries({
    store,
    runner: { takeUp: (seq) => runner.takeUp(seq) },
    clock,
  });
  await runner.start();

  const read = (bulk: BulkRetryRecord) => retries.get(bulk.bulkRetryId);
  return Object.assign(room, {
    retries,
    deliver,
    read,
    addRule: () => configure(store),

    /** Logs of a rule that have failed so, the oldest first. */
    async fail(rule: number, count: number, outcome: Partial<AttemptReport> = REFUSED, more = {}) {
      const made = Array.from({ length: count }, () =>
        delivery(rule, { createdAt: ++newest, ...more }),
      );
      await store.acceptEvent(event(made));
      const before = { answer: room.answer, sent: room.sent.length };
      room.answer = () => outcome;
      await deliver();
      room.answer = before.answer;
      room.sent.length = before.sent;
      return made.map(({ log }) => log.logId);
    },

    plan(
      selection: string[] | Partial<LogSearch>,
      options: Partial<BulkOptions> = {},
      reason: string | null = 'mended',
    ): Promise<BulkRetryRecord> {
      const wanted: BulkSelection = Array.isArray(selection)
        ? { kind: 'LOGS', logIds: selection }
        : { kind: 'FILTER', search: { ...EVERY_LOG, ...selection }, shown: {} };
      return retries.plan(
        { selection: wanted, options: { ...OPTIONS, ...options }, reason },
        'Asha',
      );
    },

    act(bulk: BulkRetryRecord, action: 'start' | 'pause' | 'resume' | 'cancel', actor = 'Asha') {
      const { bulkRetryId } = bulk;
      return retries.control({ bulkRetryId, action, reason: null, expectedTotal: null }, actor);
    },

    /** Waits for a state. */
    async until(bulk: BulkRetryRecord, state: BulkRetryState): Promise<BulkRetryRecord> {
      return vi.waitFor(
        async () => {
          const now = await read(bulk);
          if (now.state !== state) {
            throw new Error(`${now.state} instead of ${state}: ${JSON.stringify(now.counts)}`);
          }
          return now;
        },
        { timeout: 5_000, interval: 5 },
      );
    },

    async items(bulk: BulkRetryRecord): Promise<BulkItem[]> {
      return retries.items(await read(bulk), { state: null, after: 0, limit: 1_000 });
    },

    /** As the engine's end and its next start. */
    async restart(): Promise<void> {
      await runner.stop();
      runner = newRunner();
      await runner.start();
    },

    /** The runner's next step comes at once. */
    hurry: (bulk: BulkRetryRecord) => runner.takeUp(bulk.bulkRetrySeq),

    stopRunner: () => runner.stop(),

    async close(): Promise<void> {
      await runner.stop();
      await delivering;
      await store.close();
    },
  });
}
