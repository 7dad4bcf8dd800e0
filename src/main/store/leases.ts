import type { Database } from 'better-sqlite3';
import type {
  AttemptReport,
  ClaimedTask,
  ReportResult,
  Stamp,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import {
  type Lease,
  LEASED_BYTES,
  type LeaseEnd,
  leaseOwner,
  type LeaseSettled,
  type LeaseWish,
  type SettleLease,
  type StartLease,
} from '../../shared/model/lease.ts';
import { createBreaker } from './breaker.ts';
import { createLeaseClaim } from './claim.ts';
import { createReadClaimed } from './claimed-tasks.ts';
import type { Endings } from './endings.ts';
import { createFindLease, LEASED, type LeasedRow } from './lease-queries.ts';
import type { createQueueCommands } from './queue.ts';

/**
 * The queue's commands for outside workers. A lease is a claim whose owner is its token: every command
 * finds the task by the log that the lease names and asks for that owner, so a worker whose lease ran out
 * can do nothing to a task that somebody else holds by now.
 */
export function createLeaseCommands(
  db: Database,
  endings: Endings,
  queue: Pick<ReturnType<typeof createQueueCommands>, 'stamp' | 'release'>,
  applyReport: (report: AttemptReport) => ReportResult,
  bury: (death: TaskDeath) => void,
) {
  const claim = createLeaseClaim(db);
  const read = createReadClaimed(db, bury);
  const find = createFindLease(db);
  const breaker = createBreaker(db);
  const inOrder = db
    .prepare<[string], number>(
      `SELECT task_id FROM task WHERE task_id IN (SELECT value FROM json_each(?))
       ORDER BY priority, task_id`,
    )
    .pluck();
  const extend = db.prepare<[number, number]>(
    'UPDATE task SET lease_until = max(lease_until, ?) WHERE task_id = ?',
  );
  const startedBy = db.prepare<[string, number, number]>(
    'UPDATE attempt SET lease = ? WHERE log_seq = ? AND number = ?',
  );
  // Started once more, since the answer was lost: what counts is what the worker is told last.
  const startedAgain = db.prepare(
    `UPDATE attempt SET config_version = @configVersion, end_point = @endPoint,
       request_method = @requestMethod, request_headers = @requestHeaders
     WHERE log_seq = @logSeq AND number = @attempt`,
  );
  const attemptOf = db.prepare<[string, number], { lease: string | null }>(
    `SELECT lease FROM attempt WHERE log_seq = (SELECT log_seq FROM log WHERE log_id = ?)
       AND number = ?`,
  );
  const endPointOf = db
    .prepare<[number, number], string | null>(
      'SELECT end_point FROM attempt WHERE log_seq = ? AND number = ?',
    )
    .pluck();
  const unstarted = db.prepare<[{ integration: number | null }], LeasedRow>(
    `SELECT * FROM task WHERE state = 'CLAIMED' AND stamped_at IS NULL
       AND claimed_by GLOB '${LEASED}'
       AND (@integration IS NULL OR lab_integration_id = @integration)`,
  );

  /** @returns whether the task is still this lease's, and its attempt is stamped */
  const stamp = (row: LeasedRow, given: Stamp | null): boolean => {
    if (!given || !queue.stamp({ worker: row.claimed_by, stamp: given })) return false;
    startedBy.run(row.claimed_by, row.log_seq, row.attempt);
    return true;
  };

  /** By our own clock: a worker's may be wrong, and holds and probes are reckoned from it. */
  const end = (row: LeasedRow, report: AttemptReport, goesBack: boolean, now: number): LeaseEnd => {
    const facts = { ...report, activityDate: now };
    const endPoint = endPointOf.get(row.log_seq, row.attempt) ?? '';
    const ended = endings.end(row.task_id, facts, goesBack);
    return {
      labIntegrationId: row.lab_integration_id,
      endPoint,
      breaker: goesBack ? null : breaker.take(row.lab_integration_id, facts),
      wentOn: ended?.wentOn ?? null,
      retry: ended?.retry ?? null,
    };
  };

  const giveBack = (rows: readonly LeasedRow[]): void => {
    for (const { claimed_by: worker, task_id } of rows) {
      queue.release({ worker, taskIds: [task_id] });
    }
  };

  return {
    /** Claims for an outside worker, within {@link LEASED_BYTES}; what is too much stays in the queue. */
    lease({ token, worker, labIntegrationId, limit, leaseUntil, now }: LeaseWish): ClaimedTask[] {
      const owner = leaseOwner(token, worker);
      const taken = claim({ worker: owner, limit, leaseUntil, now, integration: labIntegrationId });
      const leased: ClaimedTask[] = [];
      let bytes = 0;
      for (const taskId of inOrder.all(JSON.stringify(taken))) {
        const task = bytes < LEASED_BYTES ? read(taskId, now) : null;
        if (bytes >= LEASED_BYTES) queue.release({ worker: owner, taskIds: [taskId] });
        if (task === null) continue;
        bytes += Buffer.byteLength(task.body);
        if (bytes > LEASED_BYTES && leased.length > 0) {
          queue.release({ worker: owner, taskIds: [taskId] });
        } else {
          leased.push(task);
        }
      }
      return leased;
    },

    /** @returns until when the lease runs; null where it holds no task, or has run out */
    startLease({ lease, stamp: given, leaseUntil, now }: StartLease): number | null {
      const row = find(lease);
      if (!row || row.lease_until <= now) return null;
      if (row.stamped_at !== null) {
        startedAgain.run({
          ...given,
          requestHeaders: JSON.stringify(given.requestHeaders),
          logSeq: row.log_seq,
        });
      } else if (!stamp(row, given)) {
        return null;
      }
      extend.run(leaseUntil, row.task_id);
      return Math.max(row.lease_until, leaseUntil);
    },

    /** @returns until when it runs from now on; null likewise */
    extendLease(request: { lease: Lease; leaseUntil: number; now: number }): number | null {
      const row = find(request.lease);
      if (!row || row.lease_until <= request.now) return null;
      extend.run(request.leaseUntil, row.task_id);
      return Math.max(row.lease_until, request.leaseUntil);
    },

    /**
     * Ends a leased task with its outcome, as the settlement of an attempt of our own does. A lease
     * that has run out is heard where it had started the attempt.
     */
    settleLease(settlement: SettleLease): LeaseSettled {
      const { lease, report, goesBack, now } = settlement;
      const row = find(lease);
      if (!row) {
        const attempt = attemptOf.get(lease.logId, lease.attempt);
        if (!attempt?.lease?.startsWith(leaseOwner(lease.token, ''))) return { outcome: 'LOST' };
        const late = applyReport(report);
        const changed = late.outcome === 'APPLIED';
        return {
          outcome: 'LATE',
          changed,
          wentOn: (changed && late.wentOn) || null,
          retry: (changed && late.retry) || null,
        };
      }
      if (row.stamped_at === null) {
        if (report.certainty !== 'NOT_SENT') return { outcome: 'NOT_STARTED' };
        if (!stamp(row, settlement.stamp)) return { outcome: 'LOST' };
      }
      const result = applyReport(report);
      const ended = end(row, report, goesBack, now);
      const lifted = result.outcome === 'APPLIED' ? result.wentOn : undefined;
      return { outcome: 'SETTLED', end: { ...ended, wentOn: ended.wentOn ?? lifted ?? null } };
    },

    /** Gives a task back that was not started. @returns whether the lease held one */
    releaseLease({ lease }: { lease: Lease }): boolean {
      const row = find(lease);
      if (!row || row.stamped_at !== null) return false;
      giveBack([row]);
      return true;
    },

    /** Takes back what was leased and not started, of one integration or of all. @returns how many */
    takeBackLeases({ labIntegrationId }: { labIntegrationId: number | null }): number {
      const rows = unstarted.all({ integration: labIntegrationId });
      giveBack(rows);
      return rows.length;
    },

    /**
     * A report that came over the callback route: where an outside worker holds the attempt, its task
     * ends with it, as if the worker had reported by its lease.
     */
    report(report: AttemptReport): ReportResult {
      const result = applyReport(report);
      const { reporter, status, receivedAt } = report;
      if (result.outcome !== 'APPLIED' || reporter === undefined) return result;
      if (status === null || status === 'PENDING') return result;
      const row = find.ofLog(report.logId);
      if (!row || row.stamped_at === null) return result;
      if (report.attempt !== null && report.attempt !== row.attempt) return result;
      const leaseEnd = end(row, report, false, receivedAt ?? report.activityDate);
      const wentOn = leaseEnd.wentOn ?? result.wentOn;
      return { ...result, leaseEnd, ...(wentOn ? { wentOn } : {}) };
    },
  };
}
