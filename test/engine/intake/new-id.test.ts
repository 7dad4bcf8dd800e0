import { expect, test } from 'vitest';
import { newId } from '../../../src/main/engine/intake/new-id.ts';

const ids = Array.from({ length: 100_000 }, newId);

test('ids are UUIDs of version 7, all different, each greater than the one before', () => {
  for (const id of ids.slice(0, 1_000)) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test('their ends lie close together for a while, and come round to all places', () => {
  const places = ids.map((id) => Number.parseInt(id.slice(-6, -3), 16));
  const steps = places.slice(1).map((place, index) => (place - (places[index] ?? 0)) & 0xfff);
  expect(new Set(steps)).toEqual(new Set([0, 1]));
  expect(steps.filter((step) => step === 1).length).toBeCloseTo(ids.length / 32, -1);
});

test('neighbours differ by more than a digit, so that one misheard does not name another', () => {
  const last = new Set(ids.slice(0, 2_000).map((id) => id.slice(-3)));
  // Of 4,096 drawn 2,000 times, some 1,580 are expected to come.
  expect(last.size).toBeGreaterThan(1_400);
});
