import { describe, expect, test } from 'vitest';
import { FloodGate } from '../../../src/main/engine/inbound/flood-gate.ts';

/** How many of so many tries of a subject pass. */
function passing(gate: FloodGate, subject: string, tries: number): number {
  return Array.from({ length: tries }, () => gate.passes(subject)).filter(Boolean).length;
}

describe('the flood gate', () => {
  test('lets sixty a minute of one address through, and six hundred of all', () => {
    const gate = new FloodGate({ now: () => 0 });
    expect(passing(gate, 'a', 100)).toBe(60);
    let others = 0;
    for (let address = 0; address < 20; address++) others += passing(gate, `b${address}`, 100);
    expect(others).toBe(540);
  });

  test('begins anew after a minute, for each address by itself', () => {
    let now = 0;
    const gate = new FloodGate({ perSubject: 2, inAll: 100, now: () => now });
    expect(passing(gate, 'a', 3)).toBe(2);
    now = 30_000;
    expect(passing(gate, 'b', 3)).toBe(2);
    now = 60_000;
    expect(passing(gate, 'a', 3)).toBe(2);
    expect(passing(gate, 'b', 3)).toBe(0);
    now = 90_000;
    expect(passing(gate, 'b', 3)).toBe(2);
  });

  test('does not stay shut where the clock is set back', () => {
    let now = 1_000_000;
    const gate = new FloodGate({ perSubject: 1, inAll: 1, now: () => now });
    expect(passing(gate, 'a', 2)).toBe(1);
    now = 0;
    expect(passing(gate, 'a', 2)).toBe(1);
  });

  test('holds however many addresses there are, and forgets the longest known', () => {
    const gate = new FloodGate({ perSubject: 1, inAll: Number.POSITIVE_INFINITY, now: () => 0 });
    for (let address = 0; address < 20_000; address++) {
      expect(gate.passes(`address ${address}`)).toBe(true);
    }
    // Forgotten, so it is let through once more; the newest is not.
    expect(gate.passes('address 0')).toBe(true);
    expect(gate.passes('address 19999')).toBe(false);
  });
});
