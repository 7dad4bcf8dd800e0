import { describe, expect, test } from 'vitest';
import { judgeOutside } from '../../../src/main/cli/demo/outside.ts';
import { WORKER_NAME } from '../../../src/main/cli/demo/outside-worker.ts';
import { aLog } from '../a-log.ts';

/** Two deliveries of the worker's, one of our own, and an older integration's report about the first. */
const FOUND: Parameters<typeof judgeOutside>[0] = {
  logs: [aLog({ log_id: 'a' }), aLog({ log_id: 'b', status: 'SUPPRESSED' }), aLog({ log_id: 'c' })],
  workers: new Map([
    ['a', WORKER_NAME],
    ['b', WORKER_NAME],
  ]),
  seen: { notes: [{ log_id: 'a', status: 200 }] },
  notes: ['a'],
};

describe('what others did', () => {
  test('is no fault where the worker made what is left to it, and reports are kept as notes', () => {
    expect(judgeOutside(FOUND)).toEqual({ shown: { leased: 2, suppressed: 1 }, faults: [] });
  });

  test.each<[string, Partial<typeof FOUND>]>([
    ['somebody else made a delivery', { workers: new Map([['a', null]]) }],
    ['a report was refused', { seen: { notes: [{ log_id: 'a', status: 401 }] } }],
    ['a report was not answered', { seen: { notes: [{ log_id: 'a', status: null }] } }],
    ['a report left no note', { notes: [] }],
  ])('is at fault where %s', (_what, changed) => {
    expect(judgeOutside({ ...FOUND, ...changed }).faults).toHaveLength(1);
  });
});
