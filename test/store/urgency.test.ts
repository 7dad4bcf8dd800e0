import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createOrderCommands } from '../../src/main/store/order-commands.ts';
import { createOrdering, type Key } from '../../src/main/store/ordering.ts';
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
  expect(queue.run('tendOrder', { now: NOW + 4_999 })).toEqual({ expired: [], urgent: [] });
  expect(queue.run('tendOrder', { now: NOW + 5_000 })).toEqual({ expired: [], urgent: [rule] });
  // Once: what is lifted already is not looked at again.
  expect(queue.run('tendOrder', { now: NOW + 5_001 })).toEqual({ expired: [], urgent: [] });
  expect(claimed()).toEqual([`${head} STAT`, `${other} ROUTINE`]);
});

test('a deadline that passes drops nothing; it is counted while the delivery is open', () => {
  queue.add(rule, 2, { createdAt: NOW, deliverBy: NOW + 10 });
  const overdue = (now: number) =>
    (queue.run('orderFigures', { now }) as { overdue: number }).overdue;
  expect([overdue(NOW + 10), overdue(NOW + 11)]).toEqual([0, 2]);
  expect(queue.claim(10, NOW + 20)).toHaveLength(2);
});

describe('let go from a hold', () => {
  const hold = () => queue.db.exec(`UPDATE task SET state = 'HELD'`);
  const letGo = (...taskIds: number[]) =>
    queue.run('settleHeldTasks', {
      fates: taskIds.map((taskId) => ({ taskId, kind: 'RELEASE' })),
      decision: { actor: 'Asha', reason: null, now: NOW },
      during: null,
    });

  test.each([
    ['a STAT one', { priority: 'STAT' }],
    ['one whose time has come near', { deliverBy: NOW + DELIVER_SOON_MS }],
  ] as const)('%s lifts its key, also those that are still held', (_, urgent) => {
    const [other = ''] = queue.add(rule, 1, { createdAt: NOW });
    const key = { orderingKey: 'A', createdAt: 0 };
    const [first = ''] = queue.add(rule, 1, key);
    queue.add(rule, 1, key);
    queue.add(rule, 1, { ...key, ...urgent });
    hold();
    queue.db.exec('UPDATE task SET priority = 1');
    if ('priority' in urgent) queue.db.exec('UPDATE task SET priority = 0 WHERE task_id = 4');
    letGo(4, 1, 2);
    expect(claimed()).toEqual([`${first} STAT`, `${other} ROUTINE`]);
    expect(queue.db.prepare('SELECT priority FROM task WHERE task_id = 3').pluck().get()).toBe(0);
  });

  test('one goes at once, however far a clock that was set back since is behind', () => {
    const [alone = ''] = queue.add(rule, 1, { createdAt: NOW + 86_400_000 });
    const [keyed = ''] = queue.add(rule, 1, { createdAt: NOW + 86_400_000, orderingKey: 'A' });
    hold();
    letGo(1, 2);
    expect(claimed()).toEqual([`${alone} ROUTINE`, `${keyed} ROUTINE`]);
  });
});

test('a key is lifted once a round, however many of it are to be delivered soon', () => {
  const deliverBy = NOW + DELIVER_SOON_MS + 1;
  queue.add(rule, 300, { orderingKey: 'A', createdAt: NOW, deliverBy });
  queue.add(rule, 2, { orderingKey: 'B', createdAt: NOW, deliverBy });
  const ordering = createOrdering(queue.db);
  const lift = vi.fn((key: Key) => ordering.lift(key));
  createOrderCommands(queue.db, { ...ordering, lift }).tendOrder({ now: NOW + 1 });
  expect(lift.mock.calls.map(([{ key }]) => key)).toEqual(['A', 'B']);
});
