import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RefusedSignIns } from '../../../src/main/engine/people/refused-sign-ins.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function counter() {
  const append = vi.fn(async (_refusals: object) => 1);
  const onTrouble = vi.fn();
  return { append, onTrouble, refused: new RefusedSignIns({ append, onTrouble }) };
}

describe('refused sign-ins', () => {
  test('are told at once when they begin, and then once a minute', () => {
    const { append, refused } = counter();
    refused.count('10.0.0.1');
    expect(append).toHaveBeenLastCalledWith({ count: 1, addresses: ['10.0.0.1'] });
    for (let tries = 0; tries < 5_000; tries++) refused.count(`10.0.0.${tries % 7}`);
    refused.count('10.0.0.6');
    expect(append).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(append).toHaveBeenCalledTimes(2);
    const second = append.mock.lastCall?.[0] as { count: number; addresses: string[] };
    expect(second.count).toBe(5_001);
    expect(second.addresses).toHaveLength(5);
    vi.advanceTimersByTime(600_000);
    expect(append).toHaveBeenCalledTimes(2);
    refused.count('10.0.0.1');
    expect(append).toHaveBeenCalledTimes(3);
  });

  test('are told before the engine ends', async () => {
    const { append, refused } = counter();
    refused.count('a');
    refused.count('a');
    await refused.stop();
    await refused.stop();
    expect(append).toHaveBeenCalledTimes(2);
  });

  test('that cannot be written break nothing', async () => {
    const { append, onTrouble, refused } = counter();
    append.mockRejectedValueOnce(new Error('full'));
    refused.count('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(onTrouble).toHaveBeenCalledOnce();
  });
});
