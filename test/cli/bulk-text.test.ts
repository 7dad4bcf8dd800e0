import { describe, expect, test } from 'vitest';
import {
  type Bulk,
  type BulkItem,
  exitCodeOf,
  progressOf,
  renderBulk,
  renderBulks,
  renderItems,
  renderPlan,
} from '../../src/main/cli/bulk-text.ts';

const at = '2026-11-23T09:15:20.902Z';

function aBulk(given: Partial<Bulk> = {}): Bulk {
  return {
    bulk_retry_id: 'bulk-1',
    state: 'PLANNED',
    selection: { log_ids: null, filter: { status: ['FAIL'] } },
    body: 'fresh',
    has_canary: true,
    rate_per_minute: 600,
    stop_after: 10,
    accepts_duplicates: false,
    starts_by_itself: false,
    reason: null,
    created_by: 'meera',
    created_at: at,
    started_by: null,
    started_at: null,
    ended_at: null,
    total: 312,
    progress: {
      waiting: 300,
      queued: 0,
      done: 0,
      succeeded: 0,
      failed: 0,
      refused: 12,
      skipped: 0,
      by_failure_class: [],
    },
    stop: null,
    plan: {
      total: 312,
      refused: 12,
      by_certainty: [
        { certainty: 'REFUSED_RETRYABLE', total: 300, refused: 0 },
        { certainty: 'UNKNOWN', total: 10, refused: 10 },
        { certainty: null, total: 2, refused: 2 },
      ],
      by_integration: [{ lab_integration_id: 7, total: 312, refused: 12 }],
      refused_by: [
        { verdict: 'MAY_HOLD', sentence: 'The receiver may already hold it.', count: 10 },
        { verdict: 'UNDER_WAY', sentence: 'It is on its way.', count: 2 },
      ],
      needs_reason: true,
    },
    canaries: [],
    estimated_end_at: null,
    acts: [],
    items: [],
    next_cursor: null,
    ...given,
  };
}

const progress = (given: Partial<Bulk['progress']>): Bulk['progress'] => ({
  ...aBulk().progress,
  ...given,
});

test('a plan counts by certainty and integration, and says how many are refused and why', () => {
  const text = renderPlan(aBulk());
  expect(text).toContain(
    '312 logs, 300 of them can be sent, built anew, one of each integration first',
  );
  expect(text).toContain('600 a minute, stopping after 10 failures of one class');
  expect(text).toMatch(/REFUSED_RETRYABLE +300 +0\n/);
  expect(text).toMatch(/UNKNOWN +10 +10\n/);
  expect(text).toMatch(/never sent +2 +2\n/);
  expect(text).toMatch(/\n7 +312 +12\n|\n +7 +312 +12\n/);
  expect(text).toContain('10 × MAY_HOLD: The receiver may already hold it.');
  expect(text).toContain('2 × UNDER_WAY: It is on its way.');
  expect(text).toContain('--reason has them sent too');
});

describe('where a bulk retry stands', () => {
  test('one that has stopped says why, what became of its logs, and of what they failed', () => {
    const text = renderBulk(
      aBulk({
        state: 'STOPPED',
        reason: 'the partner was mended',
        progress: progress({
          waiting: 280,
          done: 20,
          succeeded: 10,
          failed: 10,
          by_failure_class: [{ failure_class: 'HTTP_STATUS 422', count: 10 }],
        }),
        stop: {
          why: 'FAILURES',
          sentence: 'Ten have failed in the same way.',
          failure_class: 'HTTP_STATUS 422',
          count: 10,
          at,
          by: null,
          reason: null,
        },
      }),
    );
    expect(text).toMatch(/^Bulk retry bulk-1\n {2}state +STOPPED: stopped by itself\n/);
    expect(text).toMatch(/stood still +FAILURES: Ten have failed in the same way\.\n/);
    expect(text).toMatch(/became +10 succeeded, 10 failed, 12 refused\n/);
    expect(text).toMatch(/failures +10 × HTTP_STATUS 422\n/);
    expect(text).toMatch(/to come +280 not queued yet, 0 on their way\n/);
    expect(text).toMatch(/reason +the partner was mended\n/);
  });

  test('one that has gone on since does not say what stopped it', () => {
    const stop = { why: 'BY_HAND', sentence: 'It was paused.', at, by: 'ravi', reason: 'lunch' };
    const known = { ...stop, why: 'BY_HAND', failure_class: null, count: null } as const;
    expect(renderBulk(aBulk({ state: 'DONE', stop: known }))).not.toContain('stood still');
  });

  test('one that a person has paused says who and why', () => {
    const stop = { why: 'BY_HAND', sentence: 'It was paused.', at, by: 'ravi', reason: 'lunch' };
    const text = renderBulk(
      aBulk({
        state: 'PAUSED',
        stop: { ...stop, why: 'BY_HAND', failure_class: null, count: null },
      }),
    );
    expect(text).toContain('BY_HAND: It was paused. (ravi: lunch)');
  });

  test('the bar counts what was to be sent, so refused ones never hold it back', () => {
    const bulk = aBulk({
      state: 'DONE',
      progress: progress({ waiting: 0, done: 299, succeeded: 299, skipped: 1 }),
    });
    expect(progressOf(bulk, Date.parse(at))).toEqual({
      total: 300,
      succeeded: 299,
      failed: 0,
      skipped: 1,
      doing: 'done',
    });
  });

  test('the bar says when the last is queued, as long as that lies ahead', () => {
    const ends = '2026-11-23T09:15:50.902Z';
    const bulk = aBulk({ state: 'RUNNING', estimated_end_at: ends });
    expect(progressOf(bulk, Date.parse(at)).doing).toBe('running, ends in 30 s');
    expect(progressOf(bulk, Date.parse(ends)).doing).toBe('running');
  });

  test.each([
    ['all succeeded', 'DONE', { refused: 0, done: 312 }, 0],
    ['one failed', 'DONE', { refused: 0, done: 312, failed: 1 }, 1],
    ['one was refused', 'DONE', { refused: 1, done: 311 }, 1],
    ['one was skipped', 'DONE', { refused: 0, done: 311, skipped: 1 }, 1],
    ['it stands still', 'STOPPED', { refused: 0 }, 1],
    ['it runs', 'RUNNING', { refused: 0 }, 1],
  ] as const)('exit code where %s', (_, state, given, code) => {
    expect(exitCodeOf(aBulk({ state, progress: progress({ waiting: 0, ...given }) }))).toBe(code);
  });

  test('in a list: one a row; none is said too', () => {
    const text = renderBulks({ items: [aBulk()], next_cursor: 'c-2' });
    expect(text).toMatch(/bulk-1 +PLANNED +312 +0 succeeded, 12 refused +meera/);
    expect(text).toContain('next page: --cursor c-2');
    expect(renderBulks({ items: [], next_cursor: null })).toBe('There is no bulk retry yet.\n');
  });
});

test('logs that were not sent with success are named with why', () => {
  const item = {
    position: 3,
    log_id: 'log-3',
    lab_integration_id: 7,
    certainty_before: 'UNKNOWN',
    state: 'REFUSED',
    verdict: 'MAY_HOLD',
    sentence: 'The receiver may already hold it.',
    attempt_id: null,
    outcome: null,
    failure_class: null,
    queued_at: null,
    ended_at: null,
  } satisfies BulkItem;
  const failed = {
    ...item,
    state: 'DONE',
    verdict: null,
    failure_class: 'HTTP_STATUS 422',
  } as const;
  const text = renderItems([item, failed]);
  expect(text).toMatch(/3 +log-3 +7 +REFUSED +MAY_HOLD +The receiver may already hold it\.\n/);
  expect(text).toMatch(/DONE +HTTP_STATUS 422/);
});
