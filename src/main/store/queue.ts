import type { Database } from 'better-sqlite3';
import type { OpenReason } from '../../shared/model/breaker.ts';
import type {
  AttemptReport,
  ClaimedTask,
  PendingReport,
  ReportResult,
  Settlement,
  SettlementResult,
  Stamp,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import type { RetryNote } from '../../shared/model/retry.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { createBreaker } from './breaker.ts';
import { type ClaimRequest, createClaim } from './claim.ts';
import { byUrgency, createReadClaimed } from './claimed-tasks.ts';
import type { Endings } from './endings.ts';
import { createOvertakenBy, createStopRetry, overtakenWords } from './overtaken.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Scheduled } from './schedule.ts';
import type { Tasks } from './tasks.ts';

interface StampedRow {
  log_seq: number;
  lab_integration_id: number;
  ordering_key: string | null;
  retry: string | null;
  is_limited: number;
}

/** The queue's commands: claim, stamp, settle and what surrounds them. */
export function createQueueCommands(
  db: Database,
  tasks: Tasks,
  endings: Endings,
  applyReport: (report: AttemptReport) => ReportResult,
  bury: (death: TaskDeath) => string | null,
) {
  const breaker = createBreaker(db);
  const claim = createClaim(db);
  const rateLimit = createRateLimit(db);
  const read = createReadClaimed(db, bury);
  const begin = db.prepare(
    `UPDATE task SET begun_at = ? WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ?`,
  );
  const stampTask = db.prepare<[number, number, string], StampedRow>(
    `UPDATE task SET stamped_at = ? WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ?
       AND stamped_at IS NULL
     RETURNING log_seq, lab_integration_id, ordering_key, retry, (SELECT i.rate_per_minute IS NOT NULL
       FROM lab_integration i WHERE i.lab_integration_id = task.lab_integration_id) AS is_limited`,
  );
  const insertAttempt = db.prepare(
    `INSERT INTO attempt (log_seq, number, kind, revision, config_version, stage, end_point,
       request_method, request_headers, started_at) VALUES (?, ?, ?, ?, ?, 'DISPATCHED', ?, ?, ?, ?)`,
  );
  const madeOf = db.prepare<[string, number, number]>(
    'UPDATE attempt SET retry = ? WHERE log_seq = ? AND number = ?',
  );
  const overtakenBy = createOvertakenBy(db);
  const stopRetry = createStopRetry(db, tasks);
  // A first attempt leaves the retry state alone, and so the index of what is tried again.
  const dispatchedAs = (retryState: string) =>
    db.prepare(
      `UPDATE log SET newest_attempt = @attempt, end_point = @endPoint,
         request_method = @requestMethod, updated_at = @startedAt, held_reason = NULL, ${retryState}
         stage = CASE WHEN stage IN ('CREATED', 'ENQUEUED') THEN 'DISPATCHED' ELSE stage END
       WHERE log_seq = @logSeq`,
    );
  const dispatched = dispatchedAs('');
  const retried = dispatchedAs(`retry_state = 'RUNNING',`);
  const reporting = db
    .prepare<[string, number], number>(
      `UPDATE task SET state = 'REPORTING', report = ?, claimed_by = NULL, lease_until = NULL
       WHERE task_id = ? AND state = 'CLAIMED' RETURNING lab_integration_id`,
    )
    .pluck();
  const reported = db.prepare<
    [number],
    { log_seq: number; attempt: number; goes_back: number | null; open_reason: OpenReason | null }
  >(
    `SELECT log_seq, attempt, json_extract(report, '$.goesBack') AS goes_back,
       json_extract(report, '$.openReason') AS open_reason FROM task
     WHERE task_id = ? AND state = 'REPORTING'`,
  );
  const release = db.prepare(
    `UPDATE task SET state = 'READY', claimed_by = NULL, lease_until = NULL, begun_at = NULL
     WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ? AND stamped_at IS NULL`,
  );
  const extend = db.prepare(
    `UPDATE task SET lease_until = ? WHERE state = 'CLAIMED' AND claimed_by = ?
       AND task_id IN (SELECT value FROM json_each(?))`,
  );

  /** A settlement's answer with what the outcome told of the endpoint. */
  const told = (
    result: SettlementResult,
    labIntegrationId: number | null,
    report: AttemptReport,
  ): SettlementResult => {
    const change = labIntegrationId === null ? null : breaker.take(labIntegrationId, report);
    return change ? { ...result, breaker: change } : result;
  };

  /** Ends a retry of the schedule behind which a newer one of its key was accepted. */
  const isOvertaken = ({ taskId, startedAt }: Stamp, task: StampedRow): boolean => {
    const { log_seq: logSeq, lab_integration_id: integration, ordering_key: key } = task;
    const newer = key === null ? null : overtakenBy({ integration, key, logSeq });
    if (newer !== null) stopRetry({ taskId, logSeq }, overtakenWords(newer), startedAt);
    return newer !== null;
  };

  return {
    claim(request: ClaimRequest): ClaimedTask[] {
      const claimed = claim(request).map((taskId) => read(taskId, request.now));
      return claimed.filter((task) => task !== null).sort(byUrgency);
    },

    nextDueAt({ now }: { now: number }): number | null {
      const due = [rateLimit.nextTokenAt(now), breaker.nextProbeAt(now)];
      const known = due.filter((at) => at !== null);
      return known.length === 0 ? null : Math.min(...known);
    },

    begin({ worker, taskId, now }: { worker: string; taskId: number; now: number }): boolean {
      return begin.run(now, taskId, worker).changes === 1;
    },

    stamp({ worker, stamp }: { worker: string; stamp: Stamp }): boolean {
      const task = stampTask.get(stamp.startedAt, stamp.taskId, worker);
      if (task === undefined) return false;
      // One that its key's order has kept waiting since it was due.
      if (stamp.kind === 'AUTO' && isOfSchedule(task.retry) && isOvertaken(stamp, task)) {
        return false;
      }
      if (task.is_limited === 1) rateLimit.spend(task.lab_integration_id, stamp.startedAt);
      insertAttempt.run(
        task.log_seq,
        stamp.attempt,
        stamp.kind,
        stamp.revision,
        stamp.configVersion,
        stamp.endPoint,
        stamp.requestMethod,
        JSON.stringify(stamp.requestHeaders),
        stamp.startedAt,
      );
      if (task.retry !== null) madeOf.run(task.retry, task.log_seq, stamp.attempt);
      (stamp.kind === 'FIRST' ? dispatched : retried).run({
        logSeq: task.log_seq,
        attempt: stamp.attempt,
        endPoint: stamp.endPoint,
        requestMethod: stamp.requestMethod,
        startedAt: stamp.startedAt,
      });
      return true;
    },

    settle({ taskId, report, reportOverHttp, goesBack = false }: Settlement): SettlementResult {
      if (reportOverHttp) {
        const kept = JSON.stringify({
          report,
          integrationPayload: reportOverHttp,
          ...(goesBack ? { goesBack } : {}),
          // Before the breaker hears of it: whether it was a probe.
          ...(report.status === 'FAIL' ? { openReason: endings.openReasonOf(taskId) } : {}),
        });
        const integration = reporting.get(kept, taskId);
        if (integration !== undefined) {
          const judged = goesBack ? null : integration;
          return told({ outcome: 'UNCHANGED', logId: report.logId }, judged, report);
        }
        // The task is gone (another engine took its lease for expired): the outcome is not.
        return applyReport(report);
      }
      const result = applyReport(report);
      const ended = endings.end(taskId, report, goesBack);
      const isUrgent = ended?.wentOn?.priority === 'STAT';
      let settled: SettlementResult = result;
      if (isUrgent) settled = { ...settled, urgentFor: ended.labIntegrationId };
      if (ended?.retry) settled = { ...settled, retry: ended.retry };
      return told(settled, goesBack ? null : (ended?.labIntegrationId ?? null), report);
    },

    /** @param request `logId`: whose outcome it is, for whoever listens to changes */
    reportTaken({ taskId }: { taskId: number; logId?: string }): Scheduled | null {
      const task = reported.get(taskId);
      if (!task) return null;
      const { log_seq: logSeq, attempt, goes_back, open_reason: openReason } = task;
      return endings.endReported({
        taskId,
        logSeq,
        attempt,
        goesBack: goes_back === 1,
        openReason,
      });
    },

    /** @returns its log's `log_id`; null where the task was gone already */
    bury: (death: TaskDeath) => bury(death),

    release({ worker, taskIds }: { worker: string; taskIds: number[] }): void {
      for (const taskId of taskIds) {
        if (release.run(taskId, worker).changes === 1) tasks.holdIfDisabled(taskId);
      }
    },

    extendLeases(request: { worker: string; leaseUntil: number; of: number[] }): void {
      extend.run(request.leaseUntil, request.worker, JSON.stringify(request.of));
    },
  };
}

/** What a person wanted is sent behind a newer one all the same: they have said why. */
function isOfSchedule(retry: string | null): boolean {
  return retry !== null && (JSON.parse(retry) as RetryNote).actor === null;
}

/** The queue's queries. */
export function createQueueQueries(db: Database) {
  const reports = db.prepare<
    [number, number],
    { task_id: number; report: string; body: StoredBody }
  >(
    `SELECT t.task_id, t.report, r.body FROM task t
     JOIN revision r ON r.log_seq = t.log_seq AND r.number = t.revision
     WHERE t.state = 'REPORTING' AND t.task_id > ? ORDER BY t.task_id LIMIT ?`,
  );
  return {
    pendingReports({
      afterTaskId,
      limit,
    }: {
      afterTaskId: number;
      limit: number;
    }): PendingReport[] {
      return reports.all(afterTaskId, limit).map(({ task_id, report, body }) => ({
        taskId: task_id,
        ...(JSON.parse(report) as Pick<PendingReport, 'report' | 'integrationPayload'>),
        requestBody: decodeBody(body),
      }));
    },
  };
}
