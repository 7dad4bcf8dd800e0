import { afterEach, describe, expect, test, vi } from 'vitest';
import { EVERY_LOG, type LogSearch } from '../../../src/shared/model/search.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

const PENDING: LogSearch = { ...EVERY_LOG, status: ['PENDING'], limit: 200 };

let room: Dispatching;
afterEach(() => room.close());

/** A dispatcher with two slots, both taken by calls that wait, and as much held as it holds. */
async function busy(settings: { maxConcurrency?: number } = {}): Promise<number> {
  // Never woken but by a notice and by what ends.
  room = await dispatching({ timings: { idlePoll: 60_000 } });
  room.lookup.settings.maxConcurrency = 2;
  room.transport.script = null;
  const rule = await room.addRule(settings);
  await room.queue(rule, 20);
  await room.dispatcher.start();
  await vi.waitFor(async () => {
    const { tasksByState } = await room.store.figures();
    expect(tasksByState['CLAIMED']).toBeGreaterThanOrEqual(4);
    expect(room.transport.open).toHaveLength(2);
  });
  return rule;
}

/** Queues a STAT delivery and waits until the dispatcher has heard of it. */
async function queueStat(rule: number, orderingKey: string | null = null): Promise<string> {
  const [logId = ''] = await room.queue(rule, 1, { priority: 'STAT', orderingKey });
  room.dispatcher.notify([rule]);
  await vi.waitFor(async () => {
    const { tasksByState } = await room.store.figures();
    // Claims have come to rest: they change nothing any more.
    const { tasksByState: again } = await room.store.figures();
    expect(again).toEqual(tasksByState);
    expect(await claimedLogs()).toContain(logId);
  });
  return logId;
}

/** Which logs this dispatcher has claimed. */
async function claimedLogs(): Promise<string[]> {
  const others = await room.store.claim({ worker: 'x', limit: 100, leaseUntil: 9e12, now: 0 });
  const taskIds = others.map(({ taskId }) => taskId);
  await room.store.release({ worker: 'x', taskIds });
  const free = new Set(others.map(({ logId }) => logId));
  const { items } = await room.store.searchLogs(PENDING);
  return items.map(({ logId }) => logId).filter((logId) => !free.has(logId));
}

describe('a STAT delivery of a free key', () => {
  test('takes the next slot that becomes free, before all that is held', async () => {
    const rule = await busy({ maxConcurrency: 100 });
    const stat = await queueStat(rule);
    room.transport.open[0]?.end(answered());
    await vi.waitFor(() => expect(room.transport.sent).toHaveLength(3));
    expect(room.transport.keys[2]).toBe(stat);
  });

  test('does not wait because held routine ones use up its integration’s concurrency', async () => {
    const rule = await busy({ maxConcurrency: 4 });
    const other = await room.addRule({ endPoint: 'http://127.0.0.1:9/other' });
    await room.queue(other, 5);
    const stat = await queueStat(rule);
    room.transport.open[0]?.end(answered());
    await vi.waitFor(() => expect(room.transport.sent).toHaveLength(3));
    expect(room.transport.keys[2]).toBe(stat);
  });

  test('overtakes what is held of other integrations', async () => {
    await busy({ maxConcurrency: 100 });
    const other = await room.addRule({ endPoint: 'http://127.0.0.1:9/other' });
    const stat = await queueStat(other);
    room.transport.open[0]?.end(answered());
    await vi.waitFor(() => expect(room.transport.sent).toHaveLength(3));
    expect(room.transport.keys[2]).toBe(stat);
  });

  test('never makes its integration exceed its concurrency', async () => {
    room = await dispatching();
    room.lookup.settings.maxConcurrency = 8;
    room.transport.script = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return answered();
    };
    const rule = await room.addRule({ maxConcurrency: 3 });
    await room.dispatcher.start();
    for (let round = 0; round < 20; round++) {
      await room.queue(rule, 3);
      await room.queue(rule, 1, { priority: 'STAT' });
      room.dispatcher.notify([rule]);
    }
    await room.drained();
    expect(room.transport.sent).toHaveLength(80);
    expect(new Set(room.transport.keys).size).toBe(80);
    expect(room.transport.most.get('')).toBeLessThanOrEqual(3);
  });
});

describe('a STAT delivery behind others of its key', () => {
  test('lifts them all: each waits for one slot at most, and they keep their order', async () => {
    room = await dispatching({ timings: { idlePoll: 60_000 } });
    room.lookup.settings.maxConcurrency = 1;
    room.transport.script = null;
    const rule = await room.addRule();
    const [running = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    await room.queue(rule, 8);
    const key = await room.queue(rule, 2, { orderingKey: 'A' });
    const [stat = ''] = await room.queue(rule, 1, { orderingKey: 'A', priority: 'STAT' });
    room.transport.script = () => answered();
    room.dispatcher.notify([rule]);
    await vi.waitFor(async () => {
      expect(await claimedLogs()).toContain(key[0]);
    });
    room.transport.answerAll();
    await room.drained();
    const ofKey = new Set([...key, stat]);
    const { keys } = room.transport;
    expect(keys.filter((logId) => ofKey.has(logId))).toEqual([...key, stat]);
    expect(keys.slice(0, 2)).toEqual([running, key[0]]);
    // A slot takes its next task as it ends the last, before the one behind that can be claimed.
    expect(keys.indexOf(stat)).toBeLessThanOrEqual(5);
  });
});

test('a deadline that comes near lifts what was queued as routine', async () => {
  room = await dispatching({ timings: { idlePoll: 20 } });
  room.lookup.settings.maxConcurrency = 1;
  room.transport.script = null;
  const rule = await room.addRule();
  const createdAt = Date.now() - 3_600_000;
  const [running = ''] = await room.queue(rule, 1);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
  const [other = ''] = await room.queue(rule, 1);
  // Queued an hour ago, when there was time enough.
  const [late = ''] = await room.queue(rule, 1, { createdAt, deliverBy: Date.now() + 60_000 });
  await vi.waitFor(async () => {
    const { tasksByState } = await room.store.figures();
    expect(tasksByState['CLAIMED']).toBeGreaterThanOrEqual(2);
    expect(await claimedLogs()).toContain(late);
  });
  room.transport.script = () => answered();
  room.transport.answerAll();
  await room.drained();
  expect(room.transport.keys).toEqual([running, late, other]);
});
