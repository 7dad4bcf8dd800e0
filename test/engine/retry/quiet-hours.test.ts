import { afterEach, expect, test } from 'vitest';
import { QuietHours } from '../../../src/main/engine/retry/quiet-hours.ts';

const quiet = new QuietHours();
afterEach(() => quiet.forget());

const endOf = (zone: string, now: string, ...expressions: string[]) => {
  const end = quiet.endOf(expressions, zone, Date.parse(now));
  return end === null ? null : new Date(end).toISOString();
};

test.each([
  // By the lab's own clock: five in the afternoon is half past ten in the evening there.
  ['Asia/Kolkata', '2026-11-25T17:00:12.345Z', '* 22-23 * * *', '2026-11-25T18:30:00.000Z'],
  ['Asia/Kolkata', '2026-11-25T16:29:59.999Z', '* 22-23 * * *', null],
  ['Asia/Kolkata', '2026-11-25T18:30:00.000Z', '* 22-23 * * *', null],
  // Clocks go back: the night has an hour more, and what is said of it holds in both of them.
  ['Europe/Berlin', '2026-10-24T23:00:00.000Z', '* 1-4 * * *', '2026-10-25T04:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25T00:30:00.000Z', '* 2 * * *', '2026-10-25T02:00:00.000Z'],
  // Clocks go forward: it has an hour less, and the one that is left out is not quiet.
  ['Europe/Berlin', '2026-03-29T00:00:00.000Z', '* 1-4 * * *', '2026-03-29T03:00:00.000Z'],
  ['Europe/Berlin', '2026-03-29T01:00:00.000Z', '* 2 * * *', null],
  ['America/New_York', '2026-11-01T05:30:00.000Z', '* 1 * * *', '2026-11-01T07:00:00.000Z'],
  ['America/New_York', '2026-03-08T06:00:00.000Z', '* 1-3 * * *', '2026-03-08T08:00:00.000Z'],
])('in %s at %s, %s are quiet until %s', (zone, now, expression, end) => {
  expect(endOf(zone, now, expression)).toBe(end);
});

test('several expressions are one window where they meet', () => {
  const night = ['* 22-23 * * *', '* 0-6 * * *', '0-29 7 * * *'];
  expect(endOf('UTC', '2026-11-25T23:59:00Z', ...night)).toBe('2026-11-26T07:30:00.000Z');
  // What is remembered of the window says nothing of the time before it.
  expect(endOf('UTC', '2026-11-25T21:59:00Z', ...night)).toBeNull();
  expect(endOf('UTC', '2026-11-26T01:00:00Z', ...night)).toBe('2026-11-26T07:30:00.000Z');
});

test('hours that never end are looked at again after a week', () => {
  expect(endOf('UTC', '2026-11-25T00:00:30Z', '* * * * *')).toBe('2026-12-02T00:00:00.000Z');
  expect(endOf('UTC', '2026-11-25T00:00:30Z')).toBeNull();
});
