import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BulkPace } from '../../../src/main/engine/retry/bulk-pace.ts';

/** How many go in a time, where everything goes that may, looked at every so often. */
function goneIn(pace: BulkPace, from: number, until: number, every: number): number {
  let gone = 0;
  for (let now = from; now <= until; now += every) {
    const count = pace.available(now);
    pace.spend(count);
    gone += count;
  }
  return gone;
}

test('60 a minute: one at once, then one a second', () => {
  const pace = new BulkPace(60, 0);
  expect(pace.available(0)).toBe(1);
  pace.spend(1);
  expect(pace.wait()).toBe(1_000);
  expect(pace.available(999)).toBe(0);
  expect(pace.wait()).toBe(1);
  expect(pace.available(1_000)).toBe(1);
});

test.each([1, 60, 600, 6_000, 100_000])('%i a minute are never more in ten minutes', (rate) => {
  const gone = goneIn(new BulkPace(rate, 0), 0, 600_000, 37);
  expect(gone).toBeLessThanOrEqual(rate * 10 + 1);
  expect(gone).toBeGreaterThanOrEqual(rate * 10 - Math.ceil(rate / 60) - 1);
});

test('a rest lets no more go at once than a second does', () => {
  const pace = new BulkPace(600, 0);
  expect(pace.available(3_600_000)).toBe(10);
});

test('a clock that is set back an hour holds nothing up for an hour', () => {
  const pace = new BulkPace(60, 3_600_000);
  pace.spend(pace.available(3_600_000));
  expect(pace.available(0)).toBe(0);
  expect(pace.available(1_000)).toBe(1);
});

test('over any moments at which it is looked at, the rate holds', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 100_000 }), (waits, rate) => {
      const pace = new BulkPace(rate, 0);
      let now = 0;
      let gone = 0;
      for (const wait of waits) {
        now += wait;
        const count = pace.available(now);
        pace.spend(count);
        gone += count;
        expect(gone).toBeLessThanOrEqual(1 + (now * rate) / 60_000 + 1e-6);
      }
    }),
  );
});
