import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Rebuilt } from '../../../src/main/engine/payload/rebuild.ts';
import { RETRIES_PER_SECOND } from '../../../src/main/engine/retry/pace.ts';
import type { SchedulePort } from '../../../src/main/engine/retry/port.ts';
import { RetryScheduler } from '../../../src/main/engine/retry/scheduler.ts';
import type { LabIntegration } from '../../../src/shared/model/configuration.ts';
import type { NewLog } from '../../../src/shared/model/delivery.ts';
import type { DueRetry } from '../../../src/shared/model/due-retry.ts';
import { type OpenStore, openLocalStore } from '../../store/local-store.ts';
import { createMemoryQueue, type MemoryQueue } from '../../store/memory-queue.ts';
import { configure, delivery, event, report } from '../../store/samples.ts';
import { ENDED, IN_DOUBT, LATER, retrying, sendNext } from '../../store/scheduling.ts';
import { MemoryLookup, ruleOf } from '../dispatch/lookup.ts';

const HOUR = 3_600_000;
const SAME: Rebuilt = { outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null };

let store: OpenStore;
let lookup: MemoryLookup;
let scheduler: RetryScheduler;
let rule: number;
/** What became ready, in the order in which the scheduler said so. */
let started: number;
let troubles: string[];
const spill = { isInUse: false };
const rebuild = vi.fn<() => Promise<Rebuilt>>();

async function lab(settings: Partial<LabIntegration> = {}): Promise<void> {
  const whole = { ...retrying(), ...settings };
  rule = await configure(store, whole);
  lookup.rules.set(rule, ruleOf({ ...whole, labIntegrationId: rule }));
}

async function queue(...logs: Partial<NewLog>[]): Promise<string[]> {
  const some = logs.map((log) => delivery(rule, log));
  await store.acceptEvent(event(some));
  return some.map(({ log }) => log.logId);
}

const logOf = async (logId = '') => {
  const log = await store.getLog(logId);
  if (!log) throw new Error('no log');
  return log;
};

/** How many tasks are in each state. */
const tasks = async () => (await store.figures()).tasksByState;

/** Until timers and what they set off have done what they do by then. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: ENDED, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  store = openLocalStore();
  lookup = new MemoryLookup();
  started = 0;
  troubles = [];
  spill.isInUse = false;
  rebuild.mockReset().mockResolvedValue(SAME);
  scheduler = schedulerOver(store);
});

function schedulerOver(port: SchedulePort): RetryScheduler {
  return new RetryScheduler({
    store: port,
    configuration: lookup,
    spill,
    rebuild,
    clock: Date.now,
    onStarted: () => started++,
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
  });
}

/** The commands of a store in memory, as the scheduler asks for them. */
function portOf(memory: MemoryQueue): SchedulePort {
  const command = (name: string) => async (request: unknown) => memory.run(name, request) as never;
  return {
    dueRetries: command('dueRetries'),
    nextRetry: command('nextRetry'),
    lastSentBody: command('lastSentBody'),
    startRetries: command('startRetries'),
    deferRetries: command('deferRetries'),
    restartWaits: command('restartWaits'),
  };
}
afterEach(async () => {
  await scheduler.stop();
  await store.close();
  vi.useRealTimers();
});

/** Lets commits through, which take turns of the real event loop. */
async function settled(ms = 0): Promise<void> {
  if (ms > 0) await pass(ms);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a retry', () => {
  test('starts when it is due and not before, though nobody says anything', async () => {
    await lab();
    const [logId] = await queue({});
    await sendNext(store, LATER);
    scheduler.start();
    await settled(999);
    expect(await tasks()).toEqual({ SCHEDULED: 1 });
    await settled(1);
    expect(await tasks()).toEqual({ READY: 1 });
    expect(started).toBe(1);
    expect(await logOf(logId)).toMatchObject({ retryCount: 1, nextRetryAt: null });
  });

  test('that is due before all others is not waited past', async () => {
    await lab();
    scheduler.start();
    await settled();
    await queue({});
    await sendNext(store, LATER);
    scheduler.notify(ENDED + 1_000);
    await settled(1_000);
    expect(await tasks()).toEqual({ READY: 1 });
  });

  test('is found after a minute at the most where its timer was lost, e.g. in a sleep', async () => {
    await lab();
    scheduler.start();
    await settled();
    await queue({});
    await sendNext(store, LATER);
    await settled(59_000);
    expect(await tasks()).toEqual({ SCHEDULED: 1 });
    await settled(1_000);
    expect(await tasks()).toEqual({ READY: 1 });
  });

  test('survives a restart', async () => {
    await lab();
    await queue({});
    await sendNext(store, LATER);
    scheduler.start();
    await settled();
    await scheduler.stop();
    await scheduler.stop();
    await settled(HOUR);
    expect(await tasks()).toEqual({ SCHEDULED: 1 });
    scheduler.start();
    await settled();
    expect(await tasks()).toEqual({ READY: 1 });
  });

  test('waits while deliveries are paused, and while the store refuses writes', async () => {
    await lab();
    await queue({});
    await sendNext(store, LATER);
    lookup.settings = { ...lookup.settings, deliveryPaused: { reason: null, since: 0, by: 'A' } };
    scheduler.start();
    await settled(1_000);
    expect(await tasks()).toEqual({ SCHEDULED: 1 });
    lookup.settings = { ...lookup.settings, deliveryPaused: null };
    spill.isInUse = true;
    scheduler.notify();
    await settled();
    expect(await tasks()).toEqual({ SCHEDULED: 1 });
    spill.isInUse = false;
    scheduler.notify();
    await settled();
    expect(await tasks()).toEqual({ READY: 1 });
  });

  test('is built anew, and tells what has changed', async () => {
    await lab();
    const [logId] = await queue({});
    await sendNext(store, LATER);
    const body = '{"a":2,"b":1}';
    const built = { body, contentType: 'application/json', sha256: 'y', configVersion: 1 };
    const revision = { ...built, objectsFrom: 'SOURCE' as const, fallback: null };
    rebuild.mockResolvedValue({ outcome: 'CHANGED', revision });
    scheduler.start();
    await settled(1_000);
    const sent = await sendNext(store, {});
    expect(sent).toMatchObject({ revision: 2, body });
    expect((await logOf(logId)).revisions).toMatchObject([{ revision: 1 }, { revision: 2 }]);
  });

  test('after an outcome in doubt sends what is stored, and asks nobody for another body', async () => {
    await lab();
    await queue({});
    await sendNext(store, IN_DOUBT);
    scheduler.start();
    await settled(1_000);
    expect(rebuild).not.toHaveBeenCalled();
    expect(await sendNext(store, {})).toMatchObject({ revision: 1, attempt: 2 });
  });

  test('whose body cannot be built any more ends', async () => {
    await lab();
    const [logId] = await queue({});
    await sendNext(store, LATER);
    rebuild.mockResolvedValue({ outcome: 'FAILED', why: 'OBJECT_GONE', message: 'No bill.' });
    scheduler.start();
    await settled(1_000);
    expect(await logOf(logId)).toMatchObject({ errorKind: 'PAYLOAD', errorMessage: 'No bill.' });
    expect(scheduler.counts).toMatchObject({ started: 0, failed: 1 });
  });

  test('whose body cannot be built just now is put off, and holds up no other', async () => {
    await lab();
    const [logId] = await queue({}, {});
    for (let i = 0; i < 2; i++) await sendNext(store, LATER);
    rebuild.mockRejectedValueOnce(new Error('no evaluator'));
    scheduler.start();
    await settled(1_000);
    expect(await tasks()).toEqual({ READY: 1, SCHEDULED: 1 });
    expect((await logOf(logId)).nextRetryAt).toBe(ENDED + 61_000);
    expect(troubles).toEqual(['retry: no evaluator']);
    await settled(60_000);
    expect(await tasks()).toEqual({ READY: 2 });
  });
});

test('what the store does not start, though it was told to, is not asked for in a loop', async () => {
  await lab();
  const [logId] = await queue({});
  await sendNext(store, LATER);
  const start = vi.fn(async () => ({ started: 0, failed: 0, stopped: 0, urgent: [] }));
  const { dueRetries, nextRetry, lastSentBody, deferRetries, restartWaits } = store;
  const port = { dueRetries, nextRetry, lastSentBody, deferRetries, restartWaits };
  scheduler = schedulerOver({ ...port, startRetries: start });
  scheduler.start();
  await settled(1_000);
  expect(start).toHaveBeenCalledTimes(1);
  expect((await logOf(logId)).nextRetryAt).toBe(Date.now() + 5_000);
});

describe('quiet hours', () => {
  const night = { quietHours: ['* 22-23 * * *', '* 0-6 * * *'] };
  const at = (text: string) => Date.parse(text);

  test('put a retry off to their end, by the clock of its lab, without a step', async () => {
    vi.setSystemTime(at('2026-11-25T22:30:00Z'));
    await lab(retrying(night));
    const [logId, urgent] = await queue({}, { deliverBy: at('2026-11-26T01:00:00Z') });
    for (let i = 0; i < 2; i++) await sendNext(store, { ...LATER, activityDate: Date.now() });
    scheduler.start();
    await settled(1_000);
    // Midnight: the lab of the lookup is in UTC. What must have arrived before goes now.
    expect((await logOf(logId)).nextRetryAt).toBe(at('2026-11-26T07:00:00Z'));
    expect((await logOf(urgent)).nextRetryAt).toBeNull();
    expect(await tasks()).toEqual({ READY: 1, SCHEDULED: 1 });
    vi.setSystemTime(at('2026-11-26T06:59:00Z'));
    await settled(60_000);
    expect((await logOf(logId)).retryCount).toBe(1);
  });
});

describe('the clock', () => {
  test.each(['while it runs', 'while it was stopped'])(
    'set back an hour %s makes a retry wait as long as it was to, not an hour more',
    async (when) => {
      await lab();
      const [logId] = await queue({});
      await sendNext(store, LATER);
      if (when === 'while it runs') scheduler.start();
      await settled();
      vi.setSystemTime(ENDED - HOUR);
      if (when === 'while it runs') await settled(1_000);
      else scheduler.start();
      await settled();
      expect((await logOf(logId)).nextRetryAt).toBe(Date.now() + 1_000);
      await settled(1_000);
      expect(await tasks()).toEqual({ READY: 1 });
    },
  );

  test('that is put forward only makes due what is due', async () => {
    await lab();
    await queue({});
    await sendNext(store, LATER);
    scheduler.start();
    await settled();
    vi.setSystemTime(ENDED + 9 * HOUR);
    await settled(60_000);
    expect(await tasks()).toEqual({ READY: 1 });
  });
});

test('after a sleep of nine hours 5,000 that are due are spread, STAT and the oldest first', async () => {
  const COUNT = 5_000;
  const memory = createMemoryQueue();
  const spread = memory.addRule({ ...retrying({ schedule: [HOUR] }), maxConcurrency: COUNT });
  // 503 would open the breaker, which is not the matter here.
  const busy = { ...LATER, responseStatusCode: 408 };
  const priorityOf = (index: number) => (index % 100 === 99 ? 'STAT' : 'ROUTINE');
  for (let index = 0; index < COUNT; index++) {
    memory.add(spread, 1, { priority: priorityOf(index) });
    const [task] = memory.claim(1, ENDED + index);
    if (!task) throw new Error('nothing to claim');
    memory.stamp(task, ENDED + index);
    const told = report(task.logId, { ...busy, activityDate: ENDED + index });
    memory.run('settle', { taskId: task.taskId, report: told, reportOverHttp: null });
  }
  const count = memory.db.prepare('SELECT state, count(*) AS n FROM task GROUP BY state').raw();
  const states = () => Object.fromEntries(count.all() as [string, number][]);
  vi.setSystemTime(ENDED + 9 * HOUR);
  scheduler = schedulerOver(portOf(memory));
  scheduler.start();
  await vi.waitFor(() => expect(scheduler.counts.deferred).toBe(COUNT - 100), 20_000);
  await settled();
  // All that is STAT and the oldest of the others, and no more than a second's worth of each.
  expect(states()).toEqual({ READY: 2 * RETRIES_PER_SECOND, SCHEDULED: COUNT - 100 });
  const everything = { now: Date.now() + HOUR, limit: COUNT };
  const waiting = memory.run('dueRetries', everything) as DueRetry[];
  expect(waiting.every(({ isStat }) => !isStat)).toBe(true);
  const ids = waiting.map(({ taskId }) => taskId);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  const bySecond = new Map<number, number>();
  for (const { dueAt } of waiting) bySecond.set(dueAt, (bySecond.get(dueAt) ?? 0) + 1);
  expect(Math.max(...bySecond.values())).toBe(RETRIES_PER_SECOND);
  expect(Math.max(...bySecond.keys()) - Date.now()).toBeLessThanOrEqual(
    (COUNT / RETRIES_PER_SECOND) * 1_000,
  );
  // Each was put off once; they go as they were spread.
  for (let second = 0; second < 5; second++) await settled(1_000);
  expect(states()['READY']).toBe(7 * RETRIES_PER_SECOND);
  expect(scheduler.counts.deferred).toBe(COUNT - 100);
  memory.close();
});
