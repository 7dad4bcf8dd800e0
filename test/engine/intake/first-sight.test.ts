import { describe, expect, test } from 'vitest';
import { FirstSight } from '../../../src/main/engine/intake/first-sight.ts';

describe('guessing that objects are new', () => {
  test('is done for objects never seen, not for those that were', () => {
    const sight = new FirstSight();
    expect(sight.guesses(['1 bill 1'])).toBe(true);
    sight.committed(['1 bill 1'], true);
    expect(sight.guesses(['1 bill 1'])).toBe(false);
    expect(sight.guesses(['1 bill 2', '1 bill 1'])).toBe(false);
    expect(sight.guesses(['1 bill 2'])).toBe(true);
  });

  test('pauses after a wrong guess, longer each time, and recovers with right ones', () => {
    const sight = new FirstSight();
    const pauseLength = () => {
      sight.wrong();
      let silent = 0;
      while (!sight.guesses(['new'])) silent++;
      return silent;
    };
    expect([pauseLength(), pauseLength(), pauseLength()]).toEqual([8, 16, 32]);
    for (let right = 0; right < 10; right++) sight.committed([], true);
    expect(pauseLength()).toBe(8);
  });

  test('forgets the oldest rather than growing for ever', () => {
    const sight = new FirstSight();
    sight.committed(
      Array.from({ length: 100_001 }, (_, index) => `1 bill ${index}`),
      false,
    );
    expect(sight.guesses(['1 bill 0'])).toBe(true);
    expect(sight.guesses(['1 bill 100000'])).toBe(false);
  });
});
