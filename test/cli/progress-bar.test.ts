import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MovingLine, type Progress, progressLine } from '../../src/main/cli/progress-bar.ts';

const half: Progress = { total: 300, succeeded: 148, failed: 2, skipped: 0, doing: 'running' };

const plain = (columns: number, progress: Partial<Progress> = {}) =>
  progressLine({ ...half, ...progress }, { columns, hasColour: false });

describe('progress as one line', () => {
  test('has a bar, the count, the share and what became of it', () => {
    expect(plain(120)).toBe(
      `${'█'.repeat(19)}×${'░'.repeat(20)}  150/300  50 %  148 succeeded, 2 failed  running`,
    );
  });

  test('leaves out words where the terminal is narrow, then the bar, never the count', () => {
    expect(plain(50)).toBe(
      `${'█'.repeat(4)}×${'░'.repeat(4)}  150/300  50 %  148 succeeded, 2 failed`,
    );
    expect(plain(30)).toMatch(/^█+×░+ {2}150\/300 {2}50 %$/);
    expect(plain(16)).toBe('150/300  50 %');
    expect(plain(10)).toBe('150/300');
    expect(plain(5)).toBe('150/');
  });

  test('shows a single failure among thousands, and has no rest when all have ended', () => {
    expect(plain(120, { total: 9_000, succeeded: 8_999, failed: 1 })).toMatch(/^█+× {2}9000\/9000/);
    expect(plain(120, { total: 9_000, succeeded: 100, failed: 1 })).toMatch(/^×░+ /);
    expect(plain(120, { succeeded: 0, failed: 300 })).toMatch(/^×{40} {2}300\/300 {2}100 %/);
  });

  test('tells ended kinds apart without colours; colours only add to it', () => {
    const mixed = { succeeded: 100, failed: 100, skipped: 50 };
    expect(plain(120, mixed)).toMatch(/^█+×+-+░+ .*100 failed, 50 skipped/);
    const coloured = progressLine({ ...half, ...mixed }, { columns: 120, hasColour: true });
    expect(coloured).toContain('\u001b[31m×');
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain(120, mixed));
  });

  test('of nothing is complete', () => {
    expect(plain(60, { total: 0, succeeded: 0, failed: 0 })).toMatch(/^█+ {2}0\/0 {2}100 %/);
  });

  test('never reaches the last column, whatever the counts and the width', () => {
    fc.assert(
      fc.property(
        fc.nat(20_000),
        fc.nat(20_000),
        fc.nat(20_000),
        fc.nat(20_000),
        fc.integer({ min: 2, max: 300 }),
        (succeeded, failed, skipped, rest, columns) => {
          const total = succeeded + failed + skipped + rest;
          const line = plain(columns, { total, succeeded, failed, skipped });
          expect(Array.from(line).length).toBeLessThan(columns);
        },
      ),
    );
  });
});

describe('a line drawn in its place', () => {
  test('is drawn over, and taken away once', () => {
    let written = '';
    const moving = new MovingLine((text) => {
      written += text;
    });
    moving.draw('one');
    moving.draw('two');
    moving.clear();
    moving.clear();
    expect(written).toBe('\r\u001b[2Kone\r\u001b[2Ktwo\r\u001b[2K');
  });
});
