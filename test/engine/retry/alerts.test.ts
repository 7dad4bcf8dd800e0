import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RetryAlerts } from '../../../src/main/engine/retry/alerts.ts';

const told: [string, Record<string, number | string>][] = [];
let alerts: RetryAlerts;
const exhausted = (logId: string) => ({ logId, labIntegrationId: 3, why: 'CAP' });

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 });
  told.length = 0;
  alerts = new RetryAlerts((what, fields) => told.push([what, fields]), Date.now);
});
afterEach(() => {
  alerts.stop();
  vi.useRealTimers();
});

test('thousands that are given up at once are one line, each counted once', async () => {
  for (let index = 0; index < 5_000; index++) alerts.addExhausted(exhausted(`log-${index}`));
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  const first = { log_id: 'log-0', lab_integration_id: 3, code: 'CAP' };
  expect(told).toEqual([['retries_exhausted', { count: 5_000, ...first }]]);
  expect(alerts.exhausted).toBe(5_000);
  alerts.addExhausted(exhausted('later'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told[1]).toMatchObject(['retries_exhausted', { count: 1, log_id: 'later' }]);
});

test('what is gathered is told at the end', () => {
  alerts.addStalled(['a', 'b']);
  alerts.stop();
  alerts.stop();
  expect(told).toEqual([['logs_stalled', { count: 2, log_id: 'a' }]]);
  expect(alerts.stalled).toBe(2);
});

test('health tells of it for an hour', async () => {
  expect(alerts.checks()).toEqual([]);
  alerts.addExhausted(exhausted('a'));
  expect(alerts.checks()).toMatchObject([{ name: 'retries', ok: false }]);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(alerts.checks()).toEqual([]);
});
