import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StalledSweep } from '../../../src/main/engine/retry/stalled-sweep.ts';
import type { StalledAfter } from '../../../src/shared/model/stalled.ts';

const LOOK_MS = 5_000;
const ROUND_MS = 3 * LOOK_MS;

let stalled: number[];
let asked: StalledAfter[];
let taken: number[];
let told: string[];
const spill = { isInUse: false };
let sweep: StalledSweep;

beforeEach(() => {
  vi.useFakeTimers();
  stalled = [];
  asked = [];
  taken = [];
  told = [];
  spill.isInUse = false;
  sweep = new StalledSweep({
    store: {
      stalledLogs: async ({ after }) => {
        asked.push(after);
        return { logSeqs: after.among === 'PENDING' ? stalled : [], next: null };
      },
      takeUpStalled: async ({ logSeqs }) => {
        taken.push(...logSeqs);
        return { logIds: logSeqs.map(String), retries: [] };
      },
    },
    spill,
    clock: Date.now,
    onStalled: (logIds) => told.push(...logIds),
    onRetry: () => {},
    onTrouble: () => {},
  });
  sweep.start();
});
afterEach(async () => {
  await sweep.stop();
  vi.useRealTimers();
});

test('what is found in two rounds is taken up, and told', async () => {
  stalled = [7];
  await vi.advanceTimersByTimeAsync(ROUND_MS);
  expect(asked.map(({ among }) => among)).toEqual(['PENDING', 'SCHEDULED', 'RUNNING']);
  expect(taken).toEqual([]);
  stalled = [7, 8];
  await vi.advanceTimersByTimeAsync(LOOK_MS);
  expect(taken).toEqual([7]);
  expect(told).toEqual(['7']);
});

test('nothing is looked at while the store refuses writes, nor after the end', async () => {
  spill.isInUse = true;
  await vi.advanceTimersByTimeAsync(ROUND_MS);
  spill.isInUse = false;
  await sweep.stop();
  await sweep.stop();
  await vi.advanceTimersByTimeAsync(ROUND_MS);
  expect(asked).toEqual([]);
});
