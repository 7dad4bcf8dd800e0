import type { Database } from 'better-sqlite3';
import type {
  BulkCounts,
  BulkFate,
  BulkItemState,
  BulkOptions,
  BulkOutcome,
  BulkRetryState,
  BulkRunStep,
  BulkStop,
  BulkVerdict,
  EndedBulkItem,
} from '../../shared/model/bulk-retry.ts';
import {
  countFailures,
  type FailureCounts,
  failureClassOf,
  failureClassOfVerdict,
  isGoing,
  OWN_END,
} from '../../shared/model/bulk-retry-steps.ts';
import type { QueuedRetry, QueueRetry } from '../../shared/model/retry.ts';

interface RunRow {
  state: BulkRetryState;
  options: string;
  failures: string;
}

/** What became of one row, as it is written. */
interface ItemEnd {
  position: number;
  state: BulkItemState;
  verdict: BulkVerdict | null;
  isCanary: boolean;
  outcome: BulkOutcome | null;
  failureClass: string | null;
  endedAt: number;
}

/**
 * Bulk retries under way. A row and the task that it stands for change in one transaction: after a
 * crash it is either queued with its number noted, or still to be sent. Whether failures stop it is
 * decided with the row that is one too many, so nothing is queued between the two.
 *
 * @param queueRetry queues one retry by hand, in the caller's transaction
 */
export function createBulkRunCommands(
  db: Database,
  queueRetry: (retry: QueueRetry) => QueuedRetry,
) {
  const read = db.prepare<[number], RunRow>(
    'SELECT state, options, failures FROM bulk_retry WHERE bulk_retry_seq = ?',
  );
  const isPlanned = db.prepare<[number, number]>(
    `SELECT 1 FROM bulk_retry_item WHERE bulk_retry_seq = ? AND position = ? AND state = 'PLANNED'`,
  );
  const setQueued = db.prepare<[object]>(
    `UPDATE bulk_retry_item SET state = 'QUEUED', attempt = @attempt, is_canary = @isCanary,
       queued_at = @now
     WHERE bulk_retry_seq = @bulkRetrySeq AND position = @position`,
  );
  const end = db.prepare<[object]>(
    `UPDATE bulk_retry_item SET state = @state, verdict = @verdict, is_canary = @isCanary,
       outcome = @outcome, failure_class = @failureClass, ended_at = @endedAt
     WHERE bulk_retry_seq = @bulkRetrySeq AND position = @position
       AND state IN ('PLANNED', 'QUEUED')`,
  );
  const setState = db.prepare<[object]>(
    `UPDATE bulk_retry SET state = @state, stop = coalesce(@stop, stop), failures = @failures
     WHERE bulk_retry_seq = @bulkRetrySeq`,
  );
  const anyIn = db.prepare<[number, BulkItemState]>(
    'SELECT 1 FROM bulk_retry_item WHERE bulk_retry_seq = ? AND state = ? LIMIT 1',
  );
  const setEnded = db.prepare<[object]>(
    `UPDATE bulk_retry SET ended_at = @now, counts = @counts,
       state = CASE state WHEN 'CANCELLED' THEN state ELSE 'DONE' END
     WHERE bulk_retry_seq = @bulkRetrySeq AND ended_at IS NULL`,
  );
  /** Writes what became of rows, and stops the bulk retry where that is too much. */
  const endItems = (
    bulkRetrySeq: number,
    run: RunRow,
    ends: ItemEnd[],
    now: number,
  ): BulkStop | null => {
    for (const item of ends) {
      end.run({
        ...item,
        bulkRetrySeq,
        isCanary: item.isCanary ? 1 : 0,
        outcome: item.outcome && JSON.stringify(item.outcome),
      });
    }
    const { stopAfter } = JSON.parse(run.options) as BulkOptions;
    const classes = ends.flatMap(({ failureClass }) => failureClass ?? []);
    const before = JSON.parse(run.failures) as FailureCounts;
    const { counts, reached } = countFailures(before, classes, stopAfter);
    // It waits for nobody's failure while it stands still.
    const stop = isGoing(run.state) ? stopOf(ends, counts, reached, now) : null;
    if (classes.length > 0) {
      setState.run({
        bulkRetrySeq,
        state: stop ? 'STOPPED' : run.state,
        stop: stop && JSON.stringify(stop),
        failures: JSON.stringify(counts),
      });
    }
    return stop;
  };

  return {
    /**
     * Queues rows whose turn has come, or notes why they are not; none of a bulk retry that stands
     * still by now.
     */
    queueBulkItems(request: { bulkRetrySeq: number; fates: BulkFate[]; now: number }): BulkRunStep {
      const { bulkRetrySeq, fates, now } = request;
      const run = read.get(bulkRetrySeq);
      const step: BulkRunStep = { state: run?.state ?? null, stopped: null, urgent: [], queued: 0 };
      if (!run || !isGoing(run.state)) return step;
      const ends: ItemEnd[] = [];
      for (const { position, isCanary, fate } of fates) {
        if (isPlanned.get(bulkRetrySeq, position) === undefined) continue;
        const queued = fate.kind === 'QUEUE' ? queueRetry(fate.retry) : null;
        if (queued?.outcome === 'QUEUED') {
          const { attempt, isUrgent, labIntegrationId } = queued;
          setQueued.run({ bulkRetrySeq, position, attempt, isCanary: isCanary ? 1 : 0, now });
          if (isUrgent) step.urgent.push(labIntegrationId);
          step.queued++;
          continue;
        }
        const verdict = fate.kind === 'QUEUE' ? (queued?.why ?? 'CHANGED') : fate.verdict;
        const failureClass = failureClassOfVerdict(verdict);
        ends.push({
          position,
          state: fate.kind === 'REFUSED' ? 'REFUSED' : 'SKIPPED',
          verdict,
          // Another one goes first, unless that would meet the same.
          isCanary: isCanary && failureClass !== null,
          outcome: null,
          failureClass,
          endedAt: now,
        });
      }
      step.stopped = endItems(bulkRetrySeq, run, ends, now);
      if (step.stopped) step.state = 'STOPPED';
      return step;
    },

    /** Notes what became of queued rows. */
    settleBulkItems(request: {
      bulkRetrySeq: number;
      ended: EndedBulkItem[];
      now: number;
    }): BulkRunStep {
      const { bulkRetrySeq, ended, now } = request;
      const run = read.get(bulkRetrySeq);
      if (!run) return { state: null, stopped: null, urgent: [], queued: 0 };
      const ends = ended.map(({ position, isCanary, outcome, endedAt }): ItemEnd => {
        const isOut = outcome === null;
        return {
          position,
          state: isOut ? 'SKIPPED' : 'DONE',
          verdict: isOut ? 'TAKEN_OUT' : null,
          isCanary: isCanary && !isOut,
          outcome,
          failureClass: isOut ? null : failureClassOf(outcome),
          endedAt,
        };
      });
      const stopped = endItems(bulkRetrySeq, run, ends, now);
      return { state: stopped ? 'STOPPED' : run.state, stopped, urgent: [], queued: 0 };
    },

    /** Stops one whose canary gives no verdict. @returns null where it stands still already */
    stopBulkCanary(request: {
      bulkRetrySeq: number;
      failureClass: string;
      now: number;
    }): BulkStop | null {
      const { bulkRetrySeq, failureClass, now } = request;
      const run = read.get(bulkRetrySeq);
      if (run?.state !== 'CANARY') return null;
      const stop = canaryFailed(failureClass, now);
      const { failures } = run;
      setState.run({ bulkRetrySeq, state: 'STOPPED', stop: JSON.stringify(stop), failures });
      return stop;
    },

    /** All canaries were good. */
    endBulkCanary(request: { bulkRetrySeq: number }): void {
      const run = read.get(request.bulkRetrySeq);
      if (run?.state !== 'CANARY') return;
      setState.run({ ...request, state: 'RUNNING', stop: null, failures: run.failures });
    },

    /**
     * Ends one of which nothing is to be sent or waited for any more.
     * @param request.counts how its rows stand; nobody changes them from here on
     * @returns whether it has ended
     */
    endBulkRetry(request: { bulkRetrySeq: number; counts: BulkCounts; now: number }): boolean {
      const { bulkRetrySeq, counts, now } = request;
      const run = read.get(bulkRetrySeq);
      if (!run || !(isGoing(run.state) || run.state === 'CANCELLED')) return false;
      if (anyIn.get(bulkRetrySeq, 'PLANNED') || anyIn.get(bulkRetrySeq, 'QUEUED')) return false;
      setEnded.run({ bulkRetrySeq, counts: JSON.stringify(counts), now });
      return true;
    },
  };
}

function stopOf(
  ends: ItemEnd[],
  counts: FailureCounts,
  reached: string | null,
  at: number,
): BulkStop | null {
  const canary = ends.find(({ isCanary, failureClass }) => {
    return isCanary && failureClass !== null && failureClass !== OWN_END;
  });
  if (canary?.failureClass) return canaryFailed(canary.failureClass, at);
  if (reached === null) return null;
  const count = counts[reached] ?? null;
  return { why: 'FAILURES', failureClass: reached, count, at, by: null, reason: null };
}

function canaryFailed(failureClass: string, at: number): BulkStop {
  return { why: 'CANARY_FAILED', failureClass, count: 1, at, by: null, reason: null };
}
