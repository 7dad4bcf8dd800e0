import { RESULTS, type ScenesTold } from '../../../src/main/cli/demo/retry-scenes.ts';
import type { Output } from '../../../src/shared/contract/index.ts';
import { aLog } from '../a-log.ts';

type Retry = Output<'retryIntegration'>;
type BulkTold = ScenesTold['bulk']['stopped'];

const NONE = { waiting: 0, queued: 0, done: 0, succeeded: 0, failed: 0, refused: 0, skipped: 0 };

function aRetry(log_id: string, given: Partial<Retry>): Retry {
  return {
    log_id,
    attempt_id: `${log_id}_a2`,
    revision: 1,
    key: log_id,
    sha256: 'a'.repeat(64),
    body: 'SAME',
    objects_from: 'LOCAL',
    fallback: null,
    warnings: [],
    waits: null,
    retry_count: 1,
    ...given,
  };
}

const refused = { status: 'FAIL', certainty: 'REFUSED', response_status_code: 422 } as const;
const unknown = { status: 'FAIL', certainty: 'UNKNOWN', response_status_code: null } as const;

/** A payment that came through at its third attempt. */
function recovered() {
  const log = aLog({ log_id: 'payment', retry_count: 2 });
  const attempts = [1, 2, 3].flatMap((attempt) =>
    log.attempts.map(
      (one) => ({ ...one, attempt, kind: attempt === 1 ? 'FIRST' : 'AUTO' }) as const,
    ),
  );
  return { log: { ...log, attempts }, seconds: 2.1 };
}

/** The scenes as they must go. */
export function goodScenes(): ScenesTold {
  const stopped: BulkTold = {
    state: 'STOPPED',
    total: RESULTS,
    progress: { ...NONE, waiting: RESULTS - 1, done: 1, failed: 1, by_failure_class: [] },
    stop: {
      why: 'CANARY_FAILED',
      sentence: 'The first has failed.',
      failure_class: 'HTTP_STATUS 422',
      count: 1,
      at: '2026-11-23T09:15:20.902Z',
      by: null,
      reason: null,
    },
  };
  const progress = { ...NONE, done: RESULTS, succeeded: RESULTS, by_failure_class: [] };
  return {
    acknowledged: [],
    calls: 0,
    corrected: {
      refused: aLog({ log_id: 'bill', ...refused }),
      paths: ['/data/bill/total_amount'],
      retry: aRetry('bill', { revision: 2, key: 'bill_r2', body: 'CHANGED' }),
      ended: aLog({ log_id: 'bill' }),
    },
    recovered: [recovered()],
    doubted: {
      failed: aLog({ log_id: 'report', ...unknown }),
      refusal: { code: 'REASON_NEEDED', sentence: 'The receiver may already hold revision 1.' },
      retry: aRetry('report', {}),
      ended: aLog({ log_id: 'report' }),
    },
    bulk: {
      refused: RESULTS,
      stopped,
      completed: { state: 'DONE', total: RESULTS, progress, stop: null },
      seconds: 1.5,
    },
  };
}

/** What the partner saw of them. */
export const GOOD_ANSWERS: Record<string, number[]> = {
  bill: [422],
  bill_r2: [200],
  payment: [503, 503, 200],
  report: [0, 200],
};
