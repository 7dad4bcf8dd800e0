import { describe, expect, test } from 'vitest';
import { judgeRetries } from '../../../src/main/cli/demo/retries.ts';
import { RESULTS, type ScenesTold } from '../../../src/main/cli/demo/retry-scenes.ts';
import { aLog } from '../a-log.ts';
import { GOOD_ANSWERS, goodScenes } from './told-scenes.ts';

const LOGS = [
  aLog({ log_id: 'bill', retry_count: 1 }),
  aLog({ log_id: 'payment', retry_count: 2 }),
  aLog({ log_id: 'report', retry_count: 1 }),
];
const REPEATS = { bill: 2, payment: 3, report: 2 };

function faultsOf(
  change: (told: ScenesTold) => void,
  answers: Record<string, number[]> = GOOD_ANSWERS,
): string[] {
  const told = goodScenes();
  change(told);
  return judgeRetries(told, LOGS, { answers, repeats: REPEATS }).faults;
}

describe('what the demo concludes of its retries', () => {
  test('all is well: figures of each scene, and every repeat explained', () => {
    const { shown, faults } = judgeRetries(goodScenes(), LOGS, {
      answers: GOOD_ANSWERS,
      repeats: REPEATS,
    });
    expect(faults).toEqual([]);
    expect(shown).toEqual({
      calls: 0,
      corrected: {
        log_id: 'bill',
        refused: 'FAIL REFUSED 422',
        changed: ['/data/bill/total_amount'],
        revision: 2,
        key: 'bill_r2',
        ended: 'SUCCESS ACCEPTED 200',
      },
      recovered: { deliveries: 1, succeeded: 1, retries: 2, seconds: 2.1 },
      doubted: {
        log_id: 'report',
        refusal: 'The receiver may already hold revision 1.',
        revision: 1,
        ended: 'SUCCESS ACCEPTED 200',
      },
      bulk: {
        logs: RESULTS,
        stopped: { state: 'STOPPED', why: 'CANARY_FAILED', sent: 1, not_sent: RESULTS - 1 },
        completed: { state: 'DONE', succeeded: RESULTS, failed: 0, seconds: 1.5 },
      },
      repeated_requests: 4,
    });
  });

  test.each([
    [
      'the correction under the old key',
      { ...GOOD_ANSWERS, bill: [422, 200] },
      'under its first key',
    ],
    ['no correction at all', { ...GOOD_ANSWERS, bill_r2: [] }, 'did not get it under its own key'],
    ['one retry too few', { ...GOOD_ANSWERS, payment: [503, 200] }, 'was not tried twice again'],
    ['the doubted one under a new key', { ...GOOD_ANSWERS, report: [0] }, 'under its old key'],
  ])('the partner saw %s', (_, answers, fault) => {
    expect(faultsOf(() => undefined, answers)).toEqual([expect.stringContaining(fault)]);
  });

  test.each([
    [
      'a retry without a reason is not refused',
      (told: ScenesTold) => {
        told.doubted.refusal = null;
      },
      'sent again without a reason',
    ],
    [
      'a person did what the schedule must do',
      (told: ScenesTold) => {
        for (const { log } of told.recovered) for (const one of log.attempts) one.kind = 'MANUAL';
      },
      'did not recover by itself',
    ],
    [
      'more than the canary was sent',
      (told: ScenesTold) => {
        told.bulk.stopped.progress.done = 12;
      },
      '12 were sent though the canary failed',
    ],
    [
      'the second bulk retry lost some',
      (told: ScenesTold) => {
        told.bulk.completed.progress.succeeded = 299;
      },
      `299 of ${RESULTS} succeeded`,
    ],
  ])('%s', (_, change, fault) => {
    expect(faultsOf(change)).toEqual([expect.stringContaining(fault)]);
  });

  test('a request that is no retry of its log is a silent double send', () => {
    const repeats = { ...REPEATS, bill: 3 };
    const { faults } = judgeRetries(goodScenes(), LOGS, { answers: GOOD_ANSWERS, repeats });
    expect(faults).toEqual(['bill was sent 2 times again, but retried 1 times']);
  });
});
