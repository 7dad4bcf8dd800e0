import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Recoveries } from '../../../src/main/engine/retry/recoveries.ts';

/** What the store will answer next, in this order; nothing more is left then. */
let chunks: (number | Error)[];
let asked: number;
let released: number;
let troubles: string[];
let recoveries: Recoveries;

beforeEach(() => {
  vi.useFakeTimers();
  [chunks, asked, released, troubles] = [[], 0, 0, []];
  recoveries = new Recoveries({
    store: {
      releaseRecovered: async () => {
        asked++;
        const next = chunks.shift();
        if (next instanceof Error) throw next;
        return { released: next ?? 0, isMore: next !== undefined };
      },
    },
    onReleased: () => void released++,
    onTrouble: (message) => troubles.push(message),
  });
});
afterEach(async () => {
  await recoveries.stop();
  vi.useRealTimers();
});

test('goes on with what a former life left, chunk by chunk, and says so each time', async () => {
  chunks = [500, 500, 12];
  recoveries.start();
  await vi.waitFor(() => expect(released).toBe(3));
  expect(chunks).toEqual([]);
});

test('does nothing before its start, and nothing where nothing has recovered', async () => {
  recoveries.notify();
  expect(asked).toBe(0);
  recoveries.start();
  await vi.waitFor(() => expect(asked).toBe(1));
  expect(released).toBe(0);
});

test('tries again where the store could not', async () => {
  chunks = [new Error('full'), 3];
  recoveries.start();
  await vi.waitFor(() => expect(troubles).toEqual(['full']));
  expect(released).toBe(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(released).toBe(1);
});

test('a wish that comes while it works is not lost', async () => {
  chunks = [1];
  recoveries.start();
  recoveries.notify();
  await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(2));
  chunks = [1];
  recoveries.notify();
  await vi.waitFor(() => expect(released).toBe(2));
});

test('stops, also twice', async () => {
  chunks = [new Error('full')];
  recoveries.start();
  await vi.waitFor(() => expect(troubles).toHaveLength(1));
  await Promise.all([recoveries.stop(), recoveries.stop()]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toBe(1);
});
