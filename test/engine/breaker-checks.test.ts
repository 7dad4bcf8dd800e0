import { expect, test } from 'vitest';
import { breakerChecks } from '../../src/main/engine/breaker-checks.ts';
import type { BreakerFigures } from '../../src/shared/model/health.ts';

const breaker: BreakerFigures = {
  labIntegrationId: 7,
  failures: 12,
  openReason: null,
  openedAt: null,
  openedBy: null,
  openNote: null,
};
const words = (more: Partial<BreakerFigures>, audience: 'anyone' | 'people' = 'people') =>
  breakerChecks([{ ...breaker, ...more }], audience);

test('where nothing is in trouble there is nothing to tell', () => {
  expect(breakerChecks([], 'people')).toEqual([]);
});

test.each([
  [null, '12 deliveries in a row have failed; at 10 only probes are sent'],
  ['ENDPOINT_DOWN', 'cannot be reached since 1970-01-01T00:00:05.000Z'],
  ['RULE_UNFIT', 'cannot be used as they are since 1970-01-01T00:00:05.000Z'],
  ['BREAKER', 'only a probe goes since 1970-01-01T00:00:05.000Z'],
] as const)('why it is open: %s', (openReason, detail) => {
  expect(words({ openReason, openedAt: openReason && 5_000 })).toEqual([
    { name: 'integration 7', ok: false, detail: expect.stringContaining(detail) as string },
  ]);
});

test('who opened it by hand, and why, is for people who have shown a key', () => {
  const byHand = {
    openReason: 'BY_HAND',
    openedAt: 5_000,
    openedBy: 'Anna',
    openNote: 'partner moves house',
  } as const;
  const [forPeople] = words(byHand);
  expect(forPeople?.detail).toBe(
    'its breaker was opened by hand by Anna (partner moves house) since 1970-01-01T00:00:05.000Z; nothing is sent until a person closes it (setBreaker)',
  );
  const [forAnyone] = words(byHand, 'anyone');
  expect(forAnyone?.detail).toBe(
    'its breaker was opened by hand since 1970-01-01T00:00:05.000Z; nothing is sent until a person closes it (setBreaker)',
  );
});
