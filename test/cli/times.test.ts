import { describe, expect, test } from 'vitest';
import { localTime, parseTime, relativeTime } from '../../src/main/cli/times.ts';

const NOW = Date.parse('2026-11-23T10:00:00.000Z');

describe('a time on the command line', () => {
  test.each([
    ['45s', '2026-11-23T09:59:15.000Z'],
    ['30m', '2026-11-23T09:30:00.000Z'],
    ['2h', '2026-11-23T08:00:00.000Z'],
    ['7d', '2026-11-16T10:00:00.000Z'],
    ['2w', '2026-11-09T10:00:00.000Z'],
  ])('%s is so long ago', (text, expected) => {
    expect(parseTime(text, NOW)).toBe(expected);
  });

  test.each([
    ['2026-11-23T08:30:00Z', '2026-11-23T08:30:00.000Z'],
    ['2026-11-23 08:30:00.5+05:30', '2026-11-23T03:00:00.500Z'],
    ['2024-02-29T00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('%s is that instant', (text, expected) => {
    expect(parseTime(text, NOW)).toBe(expected);
  });

  test('without a zone it is local, and a day alone is its local midnight', () => {
    expect(parseTime('2026-11-23T08:30', NOW)).toBe(new Date(2026, 10, 23, 8, 30).toISOString());
    expect(parseTime('2026-11-23', NOW)).toBe(new Date(2026, 10, 23).toISOString());
  });

  test.each([
    '',
    'yesterday',
    '2',
    '2y',
    '-2h',
    '24:00',
    '2026-13-01',
    '2026-02-30',
    '2025-02-29',
    '2026-11-23T25:00Z',
  ])('%j is none', (text) => {
    expect(parseTime(text, NOW)).toBeNull();
  });

  test('is shown as local time with milliseconds', () => {
    const local = new Date(2026, 0, 5, 9, 3, 7, 8);
    expect(localTime(local.toISOString())).toBe('2026-01-05 09:03:07.008');
  });

  test.each([
    [300, 'now'],
    [-300, 'now'],
    [4_400, 'in 4 s'],
    [119_000, 'in 119 s'],
    [120_000, 'in 2 min'],
    [-7_100_000, '118 min ago'],
    [7_200_000, 'in 2 h'],
    [-72 * 3_600_000, '3 days ago'],
  ])('%i ms away is %j', (away, words) => {
    expect(relativeTime(new Date(NOW + away).toISOString(), NOW)).toBe(words);
  });
});
