import { afterEach, beforeEach, expect, test } from 'vitest';
import { DELIVER_SOON_MS } from '../../src/shared/model/ordering.ts';
import { createMemoryQueue, type MemoryQueue } from './memory-queue.ts';

const NOW = 1_000_000;

let queue: MemoryQueue;
let rule: number;
beforeEach(() => {
  queue = createMemoryQueue();
  rule = queue.addRule({ maxConcurrency: 100 });
});
afterEach(() => queue.close());

/** Log ids in the order in which they would be claimed, and how urgent they are then. */
const claimed = () => queue.claim(100, NOW).map(({ logId, priority }) => `${logId} ${priority}`);

test('what is to be delivered within ten minutes goes before routine ones from the start', () => {
  const [later = ''] = queue.add(rule, 1, { createdAt: NOW, deliverBy: NOW + DELIVER_SOON_MS + 1 });
  const [soon = ''] = queue.add(rule, 1, { createdAt: NOW, deliverBy: NOW + DELIVER_SOON_MS });
  const [late = ''] = queue.add(rule, 1, { createdAt: NOW, deliverBy: NOW - 1 });
  expect(claimed()).toEqual([`${soon} STAT`, `${late} STAT`, `${later} ROUTINE`]);
});

test('what has waited until its time came near is lifted, with all of its key', () => {
  const [other = ''] = queue.add(rule, 1, { createdAt: NOW });
  const key = { orderingKey: 'A', createdAt: NOW };
  const [head = ''] = queue.add(rule, 1, key);
  const deliverBy = NOW + DELIVER_SOON_MS + 5_000;
  queue.add(rule, 1, { ...key, deliverBy });
  expect(queue.run('tendOrder', { now: NOW + 4_999 })).toEqual({ expired: [], lifted: [] });
  expect(queue.run('tendOrder', { now: NOW + 5_000 })).toEqual({ expired: [], lifted: [rule] });
  // Once: what is lifted already is not looked at again.
  expect(queue.run('tendOrder', { now: NOW + 5_001 })).toEqual({ expired: [], lifted: [] });
  expect(claimed()).toEqual([`${head} STAT`, `${other} ROUTINE`]);
});

test('a deadline that passes drops nothing; it is counted while the delivery is open', () => {
  queue.add(rule, 2, { createdAt: NOW, deliverBy: NOW + 10 });
  const overdue = (now: number) =>
    (queue.run('orderFigures', { now }) as { overdue: number }).overdue;
  expect([overdue(NOW + 10), overdue(NOW + 11)]).toEqual([0, 2]);
  expect(queue.claim(10, NOW + 20)).toHaveLength(2);
});
