import { describe, expect, test } from 'vitest';
import { type BatchTold, judgeBatch } from '../../../src/main/cli/demo/batch.ts';
import { NIGHT_RESULT } from '../../../src/main/cli/demo/events.ts';

/** As the engine must answer: all but the bad record taken, two deliveries for each of the others. */
const TOLD: BatchTold = {
  batch_id: 'batch-1',
  accepted: 119,
  log_ids: Array.from({ length: 238 }, (_, index) => `log-${index}`),
  rejected: [{ index: 57, field: 'integration_callback_url', reason: 'is refused' }],
  isSameAgain: true,
};
const PROGRESS = { queued: 0, sent: 119, failed: 0, suppressed: 119, cancelled: 0, done: true };

const faults = (told: Partial<BatchTold>, progress: Partial<typeof PROGRESS> = {}) =>
  judgeBatch({ ...TOLD, ...told }, { progress: { ...PROGRESS, ...progress } }).faults;

describe('the batch', () => {
  test('is as it must be: all but the bad record taken, suppressed ones no failure', () => {
    const { shown, acknowledged } = judgeBatch(TOLD, { progress: PROGRESS });
    expect(faults({})).toEqual([]);
    expect(shown).toEqual({
      records: 120,
      accepted: 119,
      rejected: TOLD.rejected,
      progress: PROGRESS,
    });
    expect(acknowledged).toHaveLength(119);
    expect(acknowledged[1]).toMatchObject({
      event: { category: NIGHT_RESULT },
      eventId: null,
      logIds: ['log-2', 'log-3'],
    });
  });

  test.each<[string, Partial<BatchTold>, Partial<typeof PROGRESS>]>([
    ['the bad record was taken', { accepted: 120, rejected: [] }, {}],
    ['another record was refused', { rejected: [{ index: 1, field: '', reason: '' }] }, {}],
    ['its repeat was answered otherwise', { isSameAgain: false }, {}],
    ['it is not done', {}, { done: false }],
    ['some of it has failed', {}, { failed: 1 }],
    ['a delivery is missing', {}, { sent: 118 }],
  ])('is at fault where %s', (_what, told, progress) => {
    expect(faults(told, progress)).not.toEqual([]);
  });

  test('of which nothing was taken is a fault like another', () => {
    expect(faults({ accepted: 0, log_ids: [] })).not.toEqual([]);
  });
});
