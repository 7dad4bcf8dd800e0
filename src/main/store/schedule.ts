import type { Database } from 'better-sqlite3';
import { isTaken } from '../../shared/model/certainty.ts';
import type { IntegrationSettings } from '../../shared/model/configuration.ts';
import type { HeaderRecord } from '../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import type { ScheduleStep } from '../../shared/model/retry.ts';
import {
  type AutomaticRetry,
  automaticRetry,
  retryAfterOf,
  type RetryRules,
} from '../../shared/model/retry-policy.ts';
import type {
  Certainty,
  ErrorKind,
  LogStatus,
  Priority,
  RetryState,
} from '../../shared/model/vocabulary.ts';
import { createBatchOf } from './batch-of.ts';
import type { Ordering } from './ordering.ts';
import { keyOf, type Tasks } from './tasks.ts';

/** What became of a task whose attempt has ended for good or for now. */
export interface Scheduled {
  labIntegrationId: number;
  /** What of its key has become ready so. */
  wentOn: KeyWentOn | null;
  /** What its log's schedule made of it, where that is told to anybody. */
  retry: ScheduleStep | null;
}

/** What becomes of failures by themselves, decided in the transaction that settles them. */
export interface Schedule {
  /**
   * Has a task whose attempt has failed wait for its next one, or takes it out where none is to come.
   * It goes by what its log tells, which must know of the failure.
   *
   * @param task.isCancelled its batch was cancelled while it was under way: nothing more is to come
   * @param at when it ended, by our own clock (epoch ms)
   * @returns null where the task was gone already
   */
  failed: (
    task: { taskId: number; logSeq: number; isCancelled: boolean },
    at: number,
  ) => Scheduled | null;
  /** As `failed`, for a failure that is told of a log that has no task any more. */
  failedLate: (logSeq: number, at: number) => ScheduleStep | null;
}

interface OutcomeRow {
  status: LogStatus;
  certainty: Certainty | null;
  error_kind: ErrorKind | null;
  response_status_code: number | null;
}

interface AttemptRow extends OutcomeRow {
  kind: string;
  response_headers: string | null;
}

interface LogRow extends OutcomeRow {
  log_id: string;
  lab_integration_id: number | null;
  request_method: string | null;
  ordering_key: string | null;
  priority: Priority;
  deliver_by: number | null;
  retry_state: RetryState;
  retry_step: number;
  newest_attempt: number;
  revision: number;
}

/**
 * @param random from 0 up to but not including 1: spreads those that failed together
 */
export function createSchedule(
  db: Database,
  tasks: Tasks,
  ordering: Ordering,
  random: () => number,
): Schedule {
  const readLog = db.prepare<[number], LogRow>(
    `SELECT log_id, lab_integration_id, status, certainty, error_kind, response_status_code,
       request_method, ordering_key, priority, deliver_by, retry_state, retry_step, newest_attempt,
       revision
     FROM log WHERE log_seq = ?`,
  );
  const settingsOf = db
    .prepare<[number], string>('SELECT settings FROM lab_integration WHERE lab_integration_id = ?')
    .pluck();
  const newest = db.prepare<[number, number], AttemptRow>(
    `SELECT kind, response_headers, status, certainty, error_kind, response_status_code
     FROM attempt WHERE log_seq = ? AND number = ?`,
  );
  const batchOf = createBatchOf(db);
  const wait = db.prepare<
    [{ taskId: number; dueAt: number; waitsFrom: number; notBefore: number | null }]
  >(
    `UPDATE task SET state = 'SCHEDULED', kind = 'AUTO', attempt = attempt + 1, due_at = @dueAt,
       waits_from = @waitsFrom, not_before = @notBefore, retry = NULL, claimed_by = NULL,
       lease_until = NULL, begun_at = NULL, stamped_at = NULL, crashes = 0, report = NULL
     WHERE task_id = @taskId`,
  );
  const hasTask = db.prepare<[number]>('SELECT 1 FROM task WHERE log_seq = ?');
  const scheduled = db.prepare<[{ logSeq: number; at: number; step: number }]>(
    `UPDATE log SET retry_state = 'SCHEDULED', next_retry_at = @at, retry_step = @step,
       held_reason = NULL WHERE log_seq = @logSeq`,
  );
  const exhausted = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'EXHAUSTED' WHERE log_seq = ?`,
  );
  const note = db.prepare<[number, number, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note)
     VALUES (?, ?, 'LabRelay', 'RETRIES_EXHAUSTED', ?)`,
  );

  /** Null where the log's rule makes no retries by itself. */
  const decide = (
    logSeq: number,
    log: LogRow,
    at: number,
    isCancelled: boolean,
  ): AutomaticRetry | null => {
    const settings = log.lab_integration_id && settingsOf.get(log.lab_integration_id);
    if (!settings) return null;
    const rules = rulesOf(JSON.parse(settings) as IntegrationSettings);
    if (rules.schedule.length === 0) return null;
    const attempt = newest.get(logSeq, log.newest_attempt);
    // The partner has an earlier body, which is what the log tells; this one corrects that.
    const told = isTaken(log.certainty) && attempt ? attempt : log;
    return automaticRetry(
      {
        status: told.status,
        certainty: told.certainty,
        errorKind: told.error_kind,
        responseStatusCode: told.response_status_code,
        requestMethod: log.request_method,
        endedAt: at,
        retryAfter: retryAfterOf(retryAfterIn(attempt?.response_headers ?? null), at),
      },
      rules,
      {
        stepsUsed: log.retry_step,
        deliverBy: log.deliver_by,
        isCancelled: isCancelled || log.retry_state === 'CANCELLED',
      },
      random(),
    );
  };

  /** @returns what people are told; null: a person who has just sent it again sees it anyway */
  const exhaust = (
    logSeq: number,
    log: LogRow,
    why: 'CAP' | 'DEADLINE',
    at: number,
  ): ScheduleStep | null => {
    exhausted.run(logSeq);
    if (newest.get(logSeq, log.newest_attempt)?.kind === 'MANUAL') return null;
    const { log_id: logId, lab_integration_id: labIntegrationId, retry_step: stepsUsed } = log;
    note.run(logSeq, at, exhaustedNote(why, stepsUsed));
    return { kind: 'EXHAUSTED', logId, labIntegrationId: labIntegrationId ?? 0, why, stepsUsed };
  };

  return {
    failed({ taskId, logSeq, isCancelled }, at) {
      const log = readLog.get(logSeq);
      const retry = log ? decide(logSeq, log, at, isCancelled) : null;
      if (!log || retry?.kind !== 'SCHEDULED') {
        const ended = tasks.end(taskId, at);
        if (!ended) return null;
        const isStopped = retry?.kind === 'NONE' && retry.why === 'CANCELLED';
        if (isCancelled && isStopped) batchOf.cancelWithBatch(logSeq, at);
        const told =
          log && retry?.kind === 'EXHAUSTED' ? exhaust(logSeq, log, retry.why, at) : null;
        return { labIntegrationId: ended.labIntegrationId, wentOn: ended.wentOn, retry: told };
      }
      const { at: dueAt, notBefore, step } = retry;
      if (wait.run({ taskId, dueAt, waitsFrom: at, notBefore }).changes === 0) return null;
      scheduled.run({ logSeq, at: dueAt, step });
      tasks.holdIfDisabled(taskId);
      const labIntegrationId = log.lab_integration_id ?? 0;
      const key = keyOf(log.lab_integration_id, log.ordering_key);
      return {
        labIntegrationId,
        wentOn: key && ordering.retries(key, logSeq, at, step === 1),
        retry: { kind: 'SCHEDULED', logId: log.log_id, labIntegrationId, at: dueAt },
      };
    },

    failedLate(logSeq, at) {
      const log = readLog.get(logSeq);
      if (!log || hasTask.get(logSeq) !== undefined) return null;
      const retry = decide(logSeq, log, at, batchOf.isCancelled(logSeq));
      if (retry?.kind === 'EXHAUSTED') return exhaust(logSeq, log, retry.why, at);
      if (retry?.kind !== 'SCHEDULED' || log.lab_integration_id === null) return null;
      const { at: dueAt, notBefore, step } = retry;
      // Before its task is queued, which may mark the log as held.
      scheduled.run({ logSeq, at: dueAt, step });
      // Those behind it have gone on already, so they are not held now.
      tasks.schedule(
        {
          logSeq,
          labIntegrationId: log.lab_integration_id,
          priority: log.priority,
          orderingKey: log.ordering_key,
          deliverBy: log.deliver_by,
          dueAt,
          kind: 'AUTO',
          attempt: log.newest_attempt + 1,
          revision: log.revision,
          batchSeq: null,
          ofBatch: batchOf.open(logSeq),
        },
        { waitsFrom: at, notBefore },
      );
      const { log_id: logId, lab_integration_id: labIntegrationId } = log;
      return { kind: 'SCHEDULED', logId, labIntegrationId, at: dueAt };
    },
  };
}

function rulesOf(settings: IntegrationSettings): RetryRules {
  const { isRetryEnabled, receiverDeduplicates, retryPolicy } = settings;
  const { schedule, jitter, retry5xx } = retryPolicy;
  return { isRetryEnabled, schedule, jitter, retry5xx, receiverDeduplicates };
}

function retryAfterIn(headers: string | null): string | undefined {
  return headers === null ? undefined : (JSON.parse(headers) as HeaderRecord)['retry-after'];
}

function exhaustedNote(why: 'CAP' | 'DEADLINE', stepsUsed: number): string {
  const tries = stepsUsed === 1 ? 'one retry' : `${stepsUsed} retries`;
  switch (why) {
    case 'CAP':
      return `It still fails after ${tries}, all that its schedule has; it is not sent again by itself.`;
    case 'DEADLINE':
      return `Its deadline (deliver_by) is over after ${tries}; it is not sent again by itself.`;
  }
}
