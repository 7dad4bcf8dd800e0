import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NEXT_TOKEN } from '../../src/main/store/rate-limit.ts';
import { createMemoryQueue, type MemoryQueue } from './memory-queue.ts';

let queue: MemoryQueue;
beforeEach(() => {
  queue = createMemoryQueue();
});
afterEach(() => queue.close());

/** Claims and stamps all that may go at a moment. @returns how many */
function sendAll(now: number, limit = 100): number {
  const tasks = queue.claim(limit, now);
  for (const task of tasks) queue.stamp(task, now);
  return tasks.length;
}

describe('a rate', () => {
  test('of 60 a minute lets one call go at a time, and never two within a second', () => {
    const rule = queue.addRule({ ratePerMinute: 60 });
    queue.add(rule, 5);
    const sent: number[] = [];
    for (let now = 0; now <= 5_500; now += 10) if (sendAll(now) === 1) sent.push(now);
    expect(sent[0]).toBe(0);
    expect(sent).toHaveLength(5);
    sent.slice(1).forEach((at, index) => {
      expect(at - (sent[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
      expect(at - (sent[index] ?? 0)).toBeLessThanOrEqual(1_070);
    });
  });

  test('of 600 a minute lets ten go at once, then ten more within little over a second', () => {
    const rule = queue.addRule({ ratePerMinute: 600, maxConcurrency: 100 });
    queue.add(rule, 40);
    expect(sendAll(0)).toBe(10);
    expect(sendAll(50)).toBe(0);
    expect(sendAll(1_053)).toBe(10);
    // What was not used is not saved up.
    expect(sendAll(3_600_000)).toBe(10);
  });

  test('is the integration’s own', () => {
    const slow = queue.addRule({ ratePerMinute: 1 });
    const other = queue.addRule({ ratePerMinute: 1 });
    const free = queue.addRule();
    for (const rule of [slow, other, free]) queue.add(rule, 3);
    expect(sendAll(0)).toBe(5);
    expect(sendAll(60_000)).toBe(0);
    expect(sendAll(64_000)).toBe(2);
  });

  test('keeps a token for what waits in memory, and counts from when that leaves', () => {
    const rule = queue.addRule({ ratePerMinute: 60 });
    queue.add(rule, 3);
    const [held] = queue.claim(10, 0);
    // It waits for a slot for a minute; nothing else may be claimed to burst with it.
    expect(queue.claim(10, 60_000)).toEqual([]);
    if (held) queue.stamp(held, 60_000);
    expect(queue.claim(10, 60_001)).toEqual([]);
    expect(queue.claim(10, 61_053)).toHaveLength(1);
  });

  test('loses no token by a crash or a release', () => {
    const rule = queue.addRule({ ratePerMinute: 1 });
    queue.add(rule, 1);
    for (let round = 0; round < 3; round++) {
      const [task] = queue.claim(10, 0);
      expect(task).toBeDefined();
      queue.run('release', { worker: 'w', taskIds: [task?.taskId ?? 0] });
    }
    queue.claim(10, 0);
    queue.run('recover', { worker: 'w', now: 0, atStart: true });
    expect(queue.claim(10, 0)).toHaveLength(1);
  });

  test('outlasts a restart', () => {
    const rule = queue.addRule({ ratePerMinute: 60 });
    queue.add(rule, 2);
    expect(sendAll(0)).toBe(1);
    queue.reopen();
    expect(sendAll(500)).toBe(0);
    expect(sendAll(1_053)).toBe(1);
  });

  test('is not blocked for ever by a clock that was set back', () => {
    const rule = queue.addRule({ ratePerMinute: 60 });
    queue.add(rule, 2);
    expect(sendAll(9e9)).toBe(1);
    expect(sendAll(1_000)).toBe(1);
  });

  test('holds from the next call on when it is changed', () => {
    const rule = queue.addRule({ ratePerMinute: 600, maxConcurrency: 100 });
    queue.add(rule, 30);
    expect(sendAll(0)).toBe(10);
    queue.changeRule(rule, { ratePerMinute: 60 });
    expect(sendAll(1_000)).toBe(0);
    expect(sendAll(1_053)).toBe(1);
    queue.changeRule(rule, { ratePerMinute: null });
    expect(sendAll(1_054)).toBe(19);
  });
});

describe('the next token', () => {
  test('is told to the millisecond, where a task waits for it', () => {
    const rule = queue.addRule({ ratePerMinute: 60 });
    expect(queue.nextDueAt(0)).toBeNull();
    queue.add(rule, 2);
    expect(queue.nextDueAt(0)).toBeNull();
    expect(sendAll(0)).toBe(1);
    const at = queue.nextDueAt(0) ?? 0;
    expect(sendAll(at - 1)).toBe(0);
    expect(sendAll(at)).toBe(1);
    // Nothing waits any more.
    expect(queue.nextDueAt(at)).toBeNull();
  });

  test('is the earliest of all integrations', () => {
    for (const ratePerMinute of [1, 60, 6]) queue.add(queue.addRule({ ratePerMinute }), 2);
    expect(sendAll(0)).toBe(3);
    expect(queue.nextDueAt(0)).toBe(1_053);
  });

  test('is found by the limited integrations alone, however many others there are', () => {
    const plan = queue.db.prepare(`EXPLAIN QUERY PLAN ${NEXT_TOKEN}`).all({ now: 0 }) as {
      detail: string;
    }[];
    const steps = plan.map(({ detail }) => detail).join('\n');
    expect(steps).toContain('USING INDEX lab_integration_limited');
    expect(steps).not.toMatch(/(SCAN|SEARCH) (t|u)\b(?!.* USING (COVERING )?INDEX)/);
  });
});

test('no window sees more calls than the bucket and the rate allow, and no minute more than the rate', () => {
  const steps = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 3_000 }),
      limit: fc.integer({ min: 1, max: 30 }),
      /** Claimed tasks are stamped this much later, as they wait for a slot. */
      late: fc.integer({ min: 0, max: 1_500 }),
    }),
    { minLength: 20, maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), steps, (ratePerMinute, wanted) => {
      const property = createMemoryQueue();
      const rule = property.addRule({ ratePerMinute, maxConcurrency: 1_000 });
      property.add(rule, 150);
      const held: { at: number; task: ReturnType<MemoryQueue['claim']>[number] }[] = [];
      const sent: number[] = [];
      let now = 0;
      const stampDue = (until: number) => {
        held.sort((a, b) => a.at - b.at);
        while ((held[0]?.at ?? Number.POSITIVE_INFINITY) <= until) {
          const due = held.shift();
          if (!due) break;
          property.stamp(due.task, due.at);
          sent.push(due.at);
        }
      };
      for (const { wait, limit, late } of wanted) {
        now += wait;
        stampDue(now);
        for (const task of property.claim(limit, now)) held.push({ at: now + late, task });
        stampDue(now);
      }
      stampDue(Number.POSITIVE_INFINITY);
      property.close();
      expect(sent.length).toBeGreaterThan(0);

      const capacity = Math.max(1, ratePerMinute / 60);
      const tooMany = sent.flatMap((from, first) =>
        sent.slice(first).flatMap((to, more) => {
          const allowed = capacity + (ratePerMinute * (to - from)) / 60_000 + 1e-6;
          const most = to - from <= 60_000 ? Math.min(allowed, ratePerMinute) : allowed;
          return more + 1 > most ? [`${more + 1} calls from ${from} to ${to}`] : [];
        }),
      );
      expect(tooMany).toEqual([]);
    }),
  );
});
