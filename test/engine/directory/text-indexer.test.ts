import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TextIndexer } from '../../../src/main/engine/directory/text-indexer.ts';

/** One poll of the indexer. */
const POLL_MS = 250;

let waiting: number;
let deliveries: number;
let batches: number[];
let troubles: string[];
let refuse: number;
let hold: Promise<void> | null;
let indexer: TextIndexer;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  waiting = 0;
  deliveries = 0;
  batches = [];
  troubles = [];
  refuse = 0;
  hold = null;
  indexer = new TextIndexer({
    store: {
      indexText: async (limit) => {
        await hold;
        if (refuse-- > 0) throw new Error('SQLITE_FULL');
        const taken = Math.min(limit, waiting);
        waiting -= taken;
        batches.push(taken);
        return taken;
      },
    },
    work: () => deliveries,
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
  });
});
afterEach(async () => {
  await indexer.stop();
  vi.useRealTimers();
});

describe('the text index', () => {
  test('is filled in small batches until nothing is left', async () => {
    waiting = 350;
    indexer.start();
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(waiting).toBe(0);
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    const before = batches.length;
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(batches.slice(before)).toEqual([0]);
  });

  test('goes slowly while deliveries are busy, but goes', async () => {
    waiting = 1_000;
    indexer.start();
    for (let poll = 1; poll <= 3; poll++) {
      deliveries += 500;
      await vi.advanceTimersByTimeAsync(POLL_MS);
      expect(waiting).toBe(1_000 - 100 * poll);
    }
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(waiting).toBe(0);
  });

  test('is filled later where the store cannot be written just now', async () => {
    waiting = 10;
    refuse = 2;
    indexer.start();
    await vi.advanceTimersByTimeAsync(2 * POLL_MS);
    expect(troubles).toEqual(['index: SQLITE_FULL', 'index: SQLITE_FULL']);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(waiting).toBe(0);
  });

  test('is filled by one at a time, however long a batch takes', async () => {
    waiting = 10;
    const { promise, resolve } = Promise.withResolvers<void>();
    hold = promise;
    indexer.start();
    await vi.advanceTimersByTimeAsync(5 * POLL_MS);
    resolve();
    await vi.waitFor(() => expect(waiting).toBe(0));
    expect(batches).toEqual([10]);
  });

  test('is left alone after a stop, which waits for the batch under way', async () => {
    waiting = 350;
    const { promise, resolve } = Promise.withResolvers<void>();
    hold = promise;
    indexer.start();
    await vi.advanceTimersByTimeAsync(POLL_MS);
    const stops = Promise.all([indexer.stop(), indexer.stop()]);
    resolve();
    await stops;
    await vi.advanceTimersByTimeAsync(5 * POLL_MS);
    expect(batches).toEqual([100]);
  });
});
