import { describe, expect, test } from 'vitest';
import {
  type BreakerState,
  HEALTHY,
  nextBreakerState,
  type Sense,
  senseOf,
} from '../../../src/shared/model/breaker.ts';
import type { Certainty, ErrorKind } from '../../../src/shared/model/vocabulary.ts';

const answered = (code: number, certainty: Certainty) =>
  senseOf({
    status: certainty === 'ACCEPTED' ? 'SUCCESS' : 'FAIL',
    certainty,
    errorKind: certainty === 'ACCEPTED' ? null : 'HTTP_STATUS',
    responseStatusCode: code,
  });
const struck = (errorKind: ErrorKind, certainty: Certainty) =>
  senseOf({ status: 'FAIL', certainty, errorKind, responseStatusCode: null });

describe('what an attempt’s end says of the endpoint', () => {
  test.each([
    [200, 'ACCEPTED', 'UP'],
    [422, 'REFUSED', 'UP'],
    [408, 'REFUSED_RETRYABLE', 'UP'],
    [425, 'REFUSED_RETRYABLE', 'UP'],
    [429, 'REFUSED_RETRYABLE', 'FAILING'],
    [503, 'REFUSED_RETRYABLE', 'FAILING'],
    [500, 'UNKNOWN', 'FAILING'],
    // As the rule's author has it.
    [404, 'UNKNOWN', 'FAILING'],
    [503, 'ACCEPTED', 'UP'],
  ] as const)('%d, %s: %s', (code, certainty, sense) => {
    expect(answered(code, certainty)).toBe(sense);
  });

  test.each([
    ['DNS', 'NOT_SENT', 'DOWN'],
    ['CONNECT', 'NOT_SENT', 'DOWN'],
    ['CONNECT_TIMEOUT', 'NOT_SENT', 'DOWN'],
    ['TLS', 'NOT_SENT', 'DOWN'],
    ['TIMEOUT_BEFORE_SEND', 'NOT_SENT', 'DOWN'],
    ['CREDENTIALS', 'NOT_SENT', 'DOWN'],
    ['CONFIGURATION', 'NOT_SENT', 'UNFIT'],
    ['TARGET_REFUSED', 'NOT_SENT', 'UNFIT'],
    ['PAYLOAD', 'NOT_SENT', 'SILENT'],
    ['TIMEOUT', 'UNKNOWN', 'FAILING'],
    ['CONNECTION_LOST', 'UNKNOWN', 'FAILING'],
    // Our own end, not the partner's.
    ['CRASH', 'UNKNOWN', 'SILENT'],
    ['HANDLER', 'UNKNOWN', 'SILENT'],
  ] as const)('%s: %s', (kind, certainty, sense) => {
    expect(struck(kind, certainty)).toBe(sense);
  });
});

/** Steps through outcomes a second apart. */
function after(
  senses: readonly Sense[],
  waits = true,
): { state: BreakerState; changes: (string | null)[] } {
  let state = HEALTHY;
  const changes = senses.map((sense, index) => {
    const step = nextBreakerState(state, sense, waits, (index + 1) * 1_000);
    state = step.state;
    return step.change;
  });
  return { state, changes };
}
const times = (count: number, sense: Sense) => Array.from({ length: count }, () => sense);

describe('the breaker', () => {
  test('warns at half, at 70 and at 90 per cent, and opens at ten in a row', () => {
    const { state, changes } = after(times(10, 'FAILING'));
    const told = changes.flatMap((change, index) => (change ? [`${index + 1} ${change}`] : []));
    expect(told).toEqual(['5 WARNING', '7 WARNING', '9 WARNING', '10 OPENED']);
    expect(state).toEqual({
      failures: 10,
      open: { reason: 'BREAKER', since: 10_000, probeAt: 25_000, probeWait: 15_000 },
    });
  });

  test('counts failures in a row only', () => {
    const { state } = after([...times(9, 'FAILING'), 'UP', ...times(9, 'FAILING')]);
    expect(state).toEqual({ failures: 9, open: null });
  });

  test('tells of what is open once, and puts the next probe off with each that fails', () => {
    const { state, changes } = after(times(12, 'FAILING'));
    expect(changes.filter((change) => change === 'OPENED')).toHaveLength(1);
    expect(state.open).toMatchObject({ reason: 'BREAKER', since: 10_000, probeAt: 27_000 });
  });

  test('closes with the first success or refusal of a message', () => {
    const { state, changes } = after([...times(11, 'FAILING'), 'UP']);
    expect(changes.at(-1)).toBe('CLOSED');
    expect(state).toEqual(HEALTHY);
  });

  test('opens at once where the endpoint is not reached', () => {
    expect(after(['DOWN'])).toEqual({
      changes: ['OPENED'],
      state: {
        failures: 1,
        open: { reason: 'ENDPOINT_DOWN', since: 1_000, probeAt: 16_000, probeWait: 15_000 },
      },
    });
  });

  test('of a rule without retries opens at ten, since its deliveries cannot wait', () => {
    expect(after(times(9, 'DOWN'), false).state.open).toBeNull();
    expect(after(times(10, 'DOWN'), false).state.open?.reason).toBe('BREAKER');
  });

  test('opens at once where the rule cannot be used as it is, if its deliveries may wait', () => {
    expect(after(['UNFIT'])).toEqual({
      changes: ['OPENED'],
      state: {
        failures: 1,
        open: { reason: 'RULE_UNFIT', since: 1_000, probeAt: 16_000, probeWait: 15_000 },
      },
    });
    expect(after(times(9, 'UNFIT'), false).state.open).toBeNull();
  });

  test('tells the next obstacle once the first is mended', () => {
    const { state, changes } = after(['UNFIT', 'UNFIT', 'DOWN', 'DOWN']);
    expect(changes).toEqual(['OPENED', null, 'OPENED', null]);
    expect(state.open).toMatchObject({ reason: 'ENDPOINT_DOWN', since: 1_000 });
    expect(after(['DOWN', 'UNFIT']).state.open?.reason).toBe('RULE_UNFIT');
    expect(after(['UNFIT', 'FAILING']).state.open).toBeNull();
    expect(after([...times(10, 'FAILING'), 'UNFIT']).state.open?.reason).toBe('BREAKER');
  });

  test('closes when the endpoint is reached, whatever it answers', () => {
    expect(after(['DOWN', 'FAILING'])).toEqual({
      changes: ['OPENED', 'CLOSED'],
      state: { failures: 2, open: null },
    });
  });

  test('stays open for failures where a long-lost endpoint comes back failing', () => {
    const { state, changes } = after([...times(10, 'DOWN'), 'FAILING']);
    expect(changes.at(-1)).toBe('OPENED');
    expect(state.open).toMatchObject({ reason: 'BREAKER', since: 11_000 });
  });

  test('asks no sooner than the partner wants, whatever attempts under way meet meanwhile', () => {
    const opened = after(times(9, 'FAILING')).state;
    const { state } = nextBreakerState(opened, 'FAILING', true, 10_000, 120_000);
    expect(state.open).toMatchObject({ probeAt: 130_000, probeWait: 120_000 });
    const { state: later } = nextBreakerState(state, 'FAILING', true, 11_000);
    expect(later).toMatchObject({ failures: 11, open: { probeAt: 130_000, probeWait: 120_000 } });
    // The probe itself then says anew how long.
    const { state: probed } = nextBreakerState(later, 'FAILING', true, 131_000);
    expect(probed.open).toMatchObject({ probeAt: 146_000, probeWait: 15_000 });
  });

  test.each([
    [0, 15_000],
    [3_000, 15_000],
    [90_000, 90_000],
    [86_400_000, 3_600_000],
  ])('asked to wait %i ms, it waits %i', (asked, wait) => {
    const { state } = nextBreakerState(after(times(9, 'FAILING')).state, 'FAILING', true, 0, asked);
    expect(state.open).toMatchObject({ probeAt: wait, probeWait: wait });
  });

  test('does not wait for what was put off before the clock was set back', () => {
    const open = { reason: 'BREAKER', since: 0, probeAt: 9_000_000, probeWait: 60_000 } as const;
    const { state } = nextBreakerState({ failures: 12, open }, 'FAILING', true, 1_000_000);
    expect(state.open).toMatchObject({ probeAt: 1_015_000, probeWait: 15_000 });
  });

  test.each(['UP', 'DOWN', 'UNFIT', 'FAILING', 'SILENT'] as const)(
    'opened by hand stays as it is after an attempt that was under way: %s',
    (sense) => {
      const open = { reason: 'BY_HAND', since: 1, probeAt: 1, probeWait: 15_000 } as const;
      const before: BreakerState = { failures: 3, open };
      expect(nextBreakerState(before, sense, true, 5_000)).toEqual({ state: before, change: null });
    },
  );

  test('learns nothing from our own end', () => {
    expect(after([...times(20, 'SILENT')]).state).toEqual(HEALTHY);
  });
});
