import type { Database } from 'better-sqlite3';
import type { AttemptReport, ReportResult } from '../../shared/model/delivery.ts';
import type { StalledAfter, StalledPage, StalledTaken } from '../../shared/model/stalled.ts';
import type { Priority, RetryState } from '../../shared/model/vocabulary.ts';
import { createBatchOf } from './batch-of.ts';
import { inDoubt } from './reports.ts';
import type { Schedule } from './schedule.ts';
import type { Tasks } from './tasks.ts';

const LOST = 'Nobody knows what became of this attempt; the partner may have received it.';

interface PageRow {
  log_seq: number;
  created_at: number;
  has_task: number;
}

/**
 * Logs that are open and have no task: no way on is left for them. None should exist; a restore or a
 * fault may leave some, and nobody would ever see to them. They are read some at a time by an index of
 * what is open, so that a round costs the same however many are held.
 */
export function createStalledLogQueries(db: Database) {
  // What is held is passed over by a look-up in the tasks' index alone.
  const pending = db.prepare<
    [{ createdAt: number; logSeq: number; before: number; limit: number }],
    PageRow
  >(
    `SELECT log_seq, created_at,
       EXISTS (SELECT 1 FROM task t WHERE t.log_seq = log.log_seq) AS has_task
     FROM log INDEXED BY log_not_successful
     WHERE status = 'PENDING' AND status <> 'SUCCESS'
       AND (created_at, log_seq) > (@createdAt, @logSeq) AND created_at < @before
     ORDER BY created_at, log_seq LIMIT (@limit | 0)`,
  );
  const retrying = db.prepare<[{ state: RetryState; logSeq: number; limit: number }], PageRow>(
    `SELECT log_seq, created_at,
       EXISTS (SELECT 1 FROM task t WHERE t.log_seq = log.log_seq) AS has_task
     FROM log INDEXED BY log_retrying
     WHERE retry_state = @state AND retry_state IN ('SCHEDULED', 'RUNNING', 'EXHAUSTED')
       AND log_seq > @logSeq
     ORDER BY log_seq LIMIT (@limit | 0)`,
  );

  return {
    /**
     * The next open logs, with those among them that have no task.
     * @param before logs that were made after that are left in peace (epoch ms)
     */
    stalledLogs(request: { after: StalledAfter; before: number; limit: number }): StalledPage {
      const { after, before, limit } = request;
      const { createdAt, logSeq } = after;
      const rows =
        after.among === 'PENDING'
          ? pending.all({ createdAt, logSeq, before, limit })
          : retrying.all({ state: after.among, logSeq, limit });
      const last = rows.at(-1);
      return {
        logSeqs: rows.filter((row) => row.has_task === 0).map((row) => row.log_seq),
        next:
          rows.length < limit || !last
            ? null
            : { among: after.among, createdAt: last.created_at, logSeq: last.log_seq },
      };
    },
  };
}

interface StalledRow {
  log_id: string;
  direction: string;
  status: string;
  retry_state: RetryState;
  lab_integration_id: number | null;
  priority: Priority;
  ordering_key: string | null;
  deliver_by: number | null;
  newest_attempt: number;
  revision: number;
  created_at: number;
  is_stamped: number;
}

/** Takes up logs that have no way on. */
export function createStalledLogCommands(
  db: Database,
  tasks: Tasks,
  schedule: Schedule,
  applyReport: (report: AttemptReport) => ReportResult,
) {
  const find = db.prepare<[number], StalledRow>(
    `SELECT log_id, direction, status, retry_state, lab_integration_id, priority, ordering_key,
       deliver_by, newest_attempt, revision, created_at,
       EXISTS (SELECT 1 FROM attempt a WHERE a.log_seq = log.log_seq
         AND a.number = log.newest_attempt AND a.status IS NULL) AS is_stamped
     FROM log WHERE log_seq = ? AND NOT EXISTS (SELECT 1 FROM task t WHERE t.log_seq = log.log_seq)`,
  );
  const retriesNoMore = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'NONE', next_retry_at = NULL, held_reason = NULL
     WHERE log_seq = ? AND retry_state IN ('SCHEDULED', 'RUNNING')`,
  );
  const unsendable = db.prepare<[{ logSeq: number; now: number }]>(
    `UPDATE log SET status = 'FAIL', certainty = 'NOT_SENT', error_kind = 'PAYLOAD',
       error_message = 'It has no body, so nothing can be sent.', activity_date = @now,
       updated_at = max(updated_at, @now) WHERE log_seq = @logSeq`,
  );
  const unsent = db.prepare<[{ logSeq: number; now: number }]>(
    `UPDATE log SET status = 'FAIL', certainty = 'NOT_SENT', activity_date = @now,
       updated_at = max(updated_at, @now) WHERE log_seq = @logSeq`,
  );
  const batchOf = createBatchOf(db);
  const note = db.prepare<[number, number, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, 'LabRelay', 'STALLED', ?)`,
  );

  /** @returns what was done, for the log's activity; null: it has a way on, or none is wanted */
  const takeUp = (logSeq: number, log: StalledRow, now: number, result: StalledTaken) => {
    if (log.direction !== 'OUTBOUND') return null;
    const isOpen = log.status === 'PENDING';
    const isRetrying = log.retry_state === 'SCHEDULED' || log.retry_state === 'RUNNING';
    if (!isOpen && !isRetrying) return null;
    if (log.is_stamped === 1) {
      const { log_id: logId, newest_attempt: attempt } = log;
      applyReport(inDoubt({ logId, attempt }, 'CRASH', LOST, now));
    } else if (isOpen) {
      return log.newest_attempt === 0 ? queueFirst(logSeq, log, now) : null;
    }
    // By the log as it is now: that may be the first step of its schedule, or a further one.
    const step = schedule.failedLate(logSeq, now);
    if (step) result.retries.push(step);
    if (step?.kind !== 'SCHEDULED') retriesNoMore.run(logSeq);
    if (step?.kind === 'SCHEDULED') return 'its retry is scheduled anew';
    return log.is_stamped === 1 ? 'its attempt counts as in doubt' : 'it has failed';
  };

  const queueFirst = (logSeq: number, log: StalledRow, now: number): string => {
    if (batchOf.isCancelled(logSeq)) {
      unsent.run({ logSeq, now });
      batchOf.cancelWithBatch(logSeq, now);
      return 'its batch was cancelled, so it is not sent';
    }
    if (log.revision === 0 || log.lab_integration_id === null) {
      unsendable.run({ logSeq, now });
      return 'it has nothing that could be sent';
    }
    tasks.add({
      logSeq,
      labIntegrationId: log.lab_integration_id,
      priority: log.priority,
      orderingKey: log.ordering_key,
      deliverBy: log.deliver_by,
      dueAt: now,
      kind: 'FIRST',
      attempt: 1,
      revision: log.revision,
      batchSeq: null,
      ofBatch: batchOf.open(logSeq),
    });
    return 'it was never sent and is queued again';
  };

  return {
    /** Finds a way on for logs that have none; those that have one by now are passed over. */
    takeUpStalled({ logSeqs, now }: { logSeqs: number[]; now: number }): StalledTaken {
      const result: StalledTaken = { logIds: [], retries: [] };
      for (const logSeq of logSeqs) {
        const log = find.get(logSeq);
        const done = log ? takeUp(logSeq, log, now, result) : null;
        if (!log || done === null) continue;
        note.run(logSeq, now, `It was open, and nothing was on its way for it: ${done}.`);
        result.logIds.push(log.log_id);
      }
      return result;
    },
  };
}
