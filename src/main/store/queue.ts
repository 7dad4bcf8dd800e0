import type { Database } from 'better-sqlite3';
import type {
  AttemptReport,
  ClaimedTask,
  PendingReport,
  ReportResult,
  Settlement,
  Stamp,
  TaskDeath,
} from '../../shared/model/delivery.ts';
import type { AttemptKind } from '../../shared/model/vocabulary.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { faultOf } from './protocol.ts';
import { STAT, type Tasks } from './tasks.ts';

/**
 * One claim. The integrations with ready tasks are found by skipping through the ready index; each
 * has room for its concurrency less what is claimed. Its STAT and its routine tasks are two lanes,
 * the second with the room that the first leaves. The lanes are merged, STAT first and one task of
 * each lane after the other, so that an integration with a hundred thousand waiting neither starves
 * the others nor costs more to claim from than one with ten.
 *
 * Only picked rows are touched: the recursion's ORDER BY makes its queue a priority queue, its LIMIT
 * ends it, and each step is one seek, since a lane fixes every column of the index but the last.
 */
export const CLAIM = `
WITH RECURSIVE
waiting (id) AS (
  SELECT min(lab_integration_id) FROM task WHERE state = 'READY'
  UNION ALL
  SELECT (SELECT min(t.lab_integration_id) FROM task t
          WHERE t.state = 'READY' AND t.lab_integration_id > waiting.id)
  FROM waiting WHERE waiting.id IS NOT NULL
),
room (id, free) AS MATERIALIZED (
  SELECT waiting.id, i.max_concurrency
    - (SELECT count(*) FROM task c WHERE c.state = 'CLAIMED' AND c.lab_integration_id = waiting.id)
  FROM waiting CROSS JOIN lab_integration i ON i.lab_integration_id = waiting.id
  WHERE i.is_active = 1
),
lane (id, priority, free) AS MATERIALIZED (
  SELECT id, 0, free FROM room
  UNION ALL
  SELECT id, 1, free - (SELECT count(*) FROM (
    SELECT 1 FROM task s WHERE s.state = 'READY' AND s.lab_integration_id = room.id AND s.priority = 0
    LIMIT @limit))
  FROM room
),
pick (task_id, priority, place, lane, free) AS (
  SELECT t.task_id, lane.priority, 1, lane.id, lane.free
  FROM lane CROSS JOIN task t ON t.task_id = (
    SELECT min(n.task_id) FROM task n WHERE n.state = 'READY' AND n.lab_integration_id = lane.id
      AND n.priority = lane.priority)
  WHERE lane.free > 0
  UNION ALL
  SELECT t.task_id, pick.priority, pick.place + 1, pick.lane, pick.free
  FROM pick CROSS JOIN task t ON t.task_id = (
    SELECT min(n.task_id) FROM task n WHERE n.state = 'READY' AND n.lab_integration_id = pick.lane
      AND n.priority = pick.priority AND n.task_id > pick.task_id)
  WHERE pick.place < pick.free
  ORDER BY 2, 3, 1
  LIMIT @limit
)
UPDATE task SET state = 'CLAIMED', claimed_by = @worker, lease_until = @leaseUntil
WHERE task_id IN (SELECT task_id FROM pick)
RETURNING task_id`;

interface TaskRow {
  task_id: number;
  log_seq: number;
  lab_integration_id: number;
  kind: AttemptKind;
  attempt: number;
  revision: number;
  priority: number;
  crashes: number;
}

interface TaskLogRow {
  log_id: string;
  lab_id: number;
  action_category: string;
  event_id: string | null;
  deliver_by: number | null;
  integration_callback_url: string;
}

interface BodyRow {
  body: StoredBody;
  content_type: string;
}

/** What a claim asks for; `now` is noted with tasks that turn out unreadable. */
export interface ClaimRequest {
  worker: string;
  limit: number;
  leaseUntil: number;
  now: number;
}

/** The queue's commands: claim, stamp, settle and what surrounds them. */
export function createQueueCommands(
  db: Database,
  tasks: Tasks,
  applyReport: (report: AttemptReport) => ReportResult,
  bury: (death: TaskDeath) => void,
) {
  const claim = db.prepare<[{ worker: string; limit: number; leaseUntil: number }]>(CLAIM).pluck();
  // Three reads, not one join: SQLite (built with STAT4) plans a join anew whenever its parameter
  // changes, which took ten times as long as the reading.
  const taskRow = db.prepare<[number], TaskRow>(
    `SELECT task_id, log_seq, lab_integration_id, kind, attempt, revision, priority, crashes
     FROM task WHERE task_id = ?`,
  );
  const logRow = db.prepare<[number], TaskLogRow>(
    `SELECT log_id, lab_id, action_category, event_id, deliver_by, integration_callback_url
     FROM log WHERE log_seq = ?`,
  );
  const bodyRow = db.prepare<[number, number], BodyRow>(
    'SELECT body, content_type FROM revision WHERE log_seq = ? AND number = ?',
  );
  const begin = db.prepare(
    `UPDATE task SET begun_at = ? WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ?`,
  );
  const stampTask = db
    .prepare<[number, number, string], number>(
      `UPDATE task SET stamped_at = ? WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ?
         AND stamped_at IS NULL RETURNING log_seq`,
    )
    .pluck();
  const insertAttempt = db.prepare(
    `INSERT INTO attempt (log_seq, number, kind, revision, config_version, stage, end_point,
       request_method, request_headers, started_at) VALUES (?, ?, ?, ?, ?, 'DISPATCHED', ?, ?, ?, ?)`,
  );
  const dispatched = db.prepare(
    `UPDATE log SET newest_attempt = ?, end_point = ?, request_method = ?, updated_at = ?,
       stage = CASE WHEN stage IN ('CREATED', 'ENQUEUED') THEN 'DISPATCHED' ELSE stage END
     WHERE log_seq = ?`,
  );
  const reporting = db.prepare(
    `UPDATE task SET state = 'REPORTING', report = ?, claimed_by = NULL, lease_until = NULL
     WHERE task_id = ?`,
  );
  const isReporting = db.prepare<[number]>(
    `SELECT 1 FROM task WHERE task_id = ? AND state = 'REPORTING'`,
  );
  const release = db.prepare(
    `UPDATE task SET state = 'READY', claimed_by = NULL, lease_until = NULL, begun_at = NULL
     WHERE task_id = ? AND state = 'CLAIMED' AND claimed_by = ? AND stamped_at IS NULL`,
  );
  const extend = db.prepare(
    `UPDATE task SET lease_until = ? WHERE state = 'CLAIMED' AND claimed_by = ?`,
  );

  /** @throws Error where its log or its body cannot be read */
  const read = (taskId: number): ClaimedTask => {
    const task = taskRow.get(taskId);
    const log = task && logRow.get(task.log_seq);
    const body = task && bodyRow.get(task.log_seq, task.revision);
    if (!log || !body) throw new Error(`task ${taskId} has no log or no revision`);
    return claimedTask(task, log, body);
  };

  return {
    claim(request: ClaimRequest): ClaimedTask[] {
      const ids = claim.all({
        worker: request.worker,
        limit: request.limit,
        leaseUntil: request.leaseUntil,
      }) as number[];
      const claimed = ids.flatMap((taskId) => {
        try {
          return [read(taskId)];
        } catch (error) {
          if (faultOf(error).kind !== 'BUG') throw error;
          // A body that cannot be read would be claimed first for ever and stop the whole queue.
          const errorMessage = 'The task cannot be read: its stored body is missing or damaged.';
          bury({ taskId, cause: 'EXCEPTION', errorMessage, stamped: false, at: request.now });
          return [];
        }
      });
      // RETURNING gives rows in no promised order.
      return claimed.sort((a, b) => urgency(a) - urgency(b) || a.taskId - b.taskId);
    },

    begin({ worker, taskId, now }: { worker: string; taskId: number; now: number }): boolean {
      return begin.run(now, taskId, worker).changes === 1;
    },

    stamp({ worker, stamp }: { worker: string; stamp: Stamp }): boolean {
      const logSeq = stampTask.get(stamp.startedAt, stamp.taskId, worker);
      if (logSeq === undefined) return false;
      insertAttempt.run(
        logSeq,
        stamp.attempt,
        stamp.kind,
        stamp.revision,
        stamp.configVersion,
        stamp.endPoint,
        stamp.requestMethod,
        JSON.stringify(stamp.requestHeaders),
        stamp.startedAt,
      );
      dispatched.run(stamp.attempt, stamp.endPoint, stamp.requestMethod, stamp.startedAt, logSeq);
      return true;
    },

    settle({ taskId, report, reportOverHttp }: Settlement): ReportResult {
      if (reportOverHttp) {
        const kept = JSON.stringify({ report, integrationPayload: reportOverHttp });
        if (reporting.run(kept, taskId).changes === 1) {
          return { outcome: 'UNCHANGED', logId: report.logId };
        }
        // The task is gone (another engine took its lease for expired): the outcome is not.
        return applyReport(report);
      }
      const result = applyReport(report);
      tasks.remove(taskId);
      return result;
    },

    reportTaken({ taskId }: { taskId: number }): void {
      if (isReporting.get(taskId)) tasks.remove(taskId);
    },

    bury(death: TaskDeath): void {
      bury(death);
    },

    release({ worker, taskIds }: { worker: string; taskIds: number[] }): void {
      for (const taskId of taskIds) release.run(taskId, worker);
    },

    extendLeases({ worker, leaseUntil }: { worker: string; leaseUntil: number }): void {
      extend.run(leaseUntil, worker);
    },
  };
}

function urgency(task: ClaimedTask): number {
  return task.priority === 'STAT' ? 0 : 1;
}

function claimedTask(task: TaskRow, log: TaskLogRow, { body, content_type }: BodyRow): ClaimedTask {
  return {
    taskId: task.task_id,
    logId: log.log_id,
    labId: log.lab_id,
    labIntegrationId: task.lab_integration_id,
    actionCategory: log.action_category,
    eventId: log.event_id,
    kind: task.kind,
    attempt: task.attempt,
    revision: task.revision,
    body: decodeBody(body),
    contentType: content_type,
    priority: task.priority === STAT ? 'STAT' : 'ROUTINE',
    deliverBy: log.deliver_by,
    integrationCallbackUrl: log.integration_callback_url,
    crashes: task.crashes,
  };
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
