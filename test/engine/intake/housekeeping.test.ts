import { expect, test } from 'vitest';
import { IntakeHousekeeping } from '../../../src/main/engine/intake/housekeeping.ts';
import { KeyedQueue } from '../../../src/main/engine/intake/keyed-queue.ts';

test('housekeeping purges idempotency keys by the clock; a failure is told and ends nothing', async () => {
  const purged: number[] = [];
  const failures: unknown[] = [];
  let broken = false;
  const housekeeping = new IntakeHousekeeping({
    store: {
      purgeIdempotencyKeys: (now) => {
        if (broken) return Promise.reject(new Error('disk'));
        purged.push(now);
        return Promise.resolve(1);
      },
    },
    clock: () => 1_000,
    onError: (error) => failures.push(error),
  });
  housekeeping.start();
  housekeeping.start();
  await housekeeping.run();
  broken = true;
  await housekeeping.run();
  await housekeeping.stop();
  await housekeeping.stop();
  expect(purged).toEqual([1_000]);
  expect(failures).toEqual([new Error('disk')]);
});

test('a keyed queue runs work on one key in order and alone, on others at once', async () => {
  const queue = new KeyedQueue();
  const told: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = queue.run(['a', 'b'], async () => {
    await gate.promise;
    told.push('first');
  });
  const second = queue.run(['b', 'c'], () => Promise.resolve(void told.push('second')));
  const fails = queue.run(['c'], () => Promise.reject(new Error('work')));
  const other = queue.run(['d'], () => Promise.resolve(void told.push('other')));
  await other;
  expect(queue.isBusy(['x', 'c'])).toBe(true);
  gate.resolve();
  await Promise.all([first, second, expect(fails).rejects.toThrow('work')]);
  expect(told).toEqual(['other', 'first', 'second']);
  expect(queue.isBusy(['a', 'b', 'c', 'd'])).toBe(false);
});
