import { describe, expect, test } from 'vitest';
import {
  AskedTimes,
  type OutsideFigures,
  outsideChecks,
} from '../../../src/main/engine/leases/outside-work.ts';

const MINUTE = 60_000;
const now = 100 * MINUTE;

const figures = (more: Partial<OutsideFigures> = {}): OutsideFigures => ({
  labIntegrationId: 7,
  ready: 3,
  oldestReadyAt: now - 6 * MINUTE,
  leased: 0,
  started: 0,
  askedAt: now - 5 * MINUTE,
  ...more,
});

describe('health', () => {
  test('tells of deliveries that no outside worker asks for', () => {
    expect(outsideChecks([figures()], now)).toEqual([
      {
        name: 'integration 7',
        ok: false,
        detail: expect.stringMatching(/^3 deliveries wait for an outside worker.*start the worker/),
      },
    ]);
  });

  test.each([
    ['a worker that is behind, but asks', { askedAt: now - 1_000 }],
    ['what has only just come', { oldestReadyAt: now - MINUTE }],
    ['an integration for which nothing waits', { ready: 0, oldestReadyAt: null }],
  ])('does not tell of %s', (_, more) => {
    expect(outsideChecks([figures(more)], now)).toEqual([]);
  });
});

describe('when a worker has asked', () => {
  test('counts for its integration, or for all', () => {
    const asked = new AskedTimes(1);
    expect(asked.of(7)).toBe(1);
    asked.note(7, 5);
    expect([asked.of(7), asked.of(8)]).toEqual([5, 1]);
    asked.note(null, 9);
    expect([asked.of(7), asked.of(8)]).toEqual([9, 9]);
  });
});
