import type { Database } from 'better-sqlite3';
import { type OpenReason, senseOf } from '../../shared/model/breaker.ts';
import { isTaken } from '../../shared/model/certainty.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { HeldReason, RetryState } from '../../shared/model/vocabulary.ts';
import { createFoldRun } from './attempt-runs.ts';
import { createBatchOf } from './batch-of.ts';
import type { Schedule, Scheduled } from './schedule.ts';
import type { Tasks } from './tasks.ts';

type Facts = Pick<
  AttemptReport,
  'attempt' | 'status' | 'certainty' | 'errorKind' | 'responseStatusCode' | 'activityDate'
>;

/** How the execution of a task ends, once its outcome has been applied. */
export interface Endings {
  /**
   * Takes the task out of the queue, or lets it wait in its place where nothing was sent through no
   * fault of its own: the endpoint was not reached, the rule or its credentials cannot be used as
   * they are, or it was kept from being sent. So does a probe that a partner in trouble refuses for
   * now: it asks for all. What has failed otherwise is tried again by its rule's schedule, where that
   * allows it. What the partner has by now never waits, and what a person has stopped, alone or with
   * its batch, ends here.
   *
   * It must be told before the breaker is: whether a delivery was a probe says the state before it.
   *
   * @param goesBack it was kept from being sent: deliveries were paused, or its rule was switched off,
   *   whatever they are by now
   * @returns null where the task was gone already, here and below
   */
  end(taskId: number, facts: Facts, goesBack: boolean): Scheduled | null;
  /**
   * As `end`, for an outcome that was applied before, and that the breaker was told of: its attempt
   * holds the facts.
   *
   * @param task.openReason why the breaker was open before the outcome
   */
  endReported(task: {
    taskId: number;
    logSeq: number;
    attempt: number;
    goesBack: boolean;
    openReason: OpenReason | null;
  }): Scheduled | null;
  /** Why the breaker of a task's integration is open just now; null: it is closed. */
  openReasonOf(taskId: number): OpenReason | null;
}

/** What must be known of a task that has failed. */
interface KnownTask {
  log_seq: number;
  /** The number of the attempt that it is for. */
  attempt: number;
  certainty: Facts['certainty'];
  retry_state: RetryState;
  is_retry_enabled: number | null;
  /** The partner has this very body; what it has otherwise, this one may correct. */
  has_body: number;
  /** Its batch was cancelled while it was under way. */
  is_cancelled: number;
}

export function createEndings(db: Database, tasks: Tasks, schedule: Schedule): Endings {
  const foldRun = createFoldRun(db);
  const batchOf = createBatchOf(db);
  const known = db.prepare<[number], KnownTask>(
    `SELECT t.log_seq, t.attempt, l.certainty, l.retry_state, (SELECT i.is_retry_enabled FROM lab_integration i
       WHERE i.lab_integration_id = t.lab_integration_id) AS is_retry_enabled,
       EXISTS (SELECT 1 FROM attempt a WHERE a.log_seq = t.log_seq AND a.revision = t.revision
         AND a.certainty IN ('ACCEPTED', 'COMMITTED')) AS has_body,
       EXISTS (SELECT 1 FROM batch b WHERE b.batch_seq = t.batch_seq
         AND b.cancelled_at IS NOT NULL) AS is_cancelled
     FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq WHERE t.task_id = ?`,
  );
  const openReason = db
    .prepare<[number], OpenReason | null>(
      `SELECT (SELECT s.open_reason FROM integration_state s
         WHERE s.lab_integration_id = t.lab_integration_id) FROM task t WHERE t.task_id = ?`,
    )
    .pluck();
  const openReasonOf = (taskId: number) => openReason.get(taskId) ?? null;
  const attempt = db.prepare<
    [number, number],
    {
      status: Facts['status'];
      certainty: Facts['certainty'];
      error_kind: Facts['errorKind'];
      response_status_code: number | null;
      ended_at: number | null;
    }
  >(
    `SELECT status, certainty, error_kind, response_status_code, ended_at FROM attempt
     WHERE log_seq = ? AND number = ?`,
  );
  const wait = db.prepare<[HeldReason | null, number]>(
    `UPDATE log SET retry_state = 'SCHEDULED', held_reason = ? WHERE log_seq = ?`,
  );

  const leave = (taskId: number, at: number): Scheduled | null => {
    const ended = tasks.end(taskId, at);
    if (!ended) return null;
    return { labIntegrationId: ended.labIntegrationId, wentOn: ended.wentOn, retry: null };
  };

  const end = (
    taskId: number,
    facts: Facts,
    goesBack: boolean,
    wasOpenFor: OpenReason | null,
  ): Scheduled | null => {
    const at = facts.activityDate;
    if (facts.status !== 'FAIL') return leave(taskId, at);
    const task = known.get(taskId);
    // Told once more: it waits for another attempt by now, and is to use up no step for this one.
    if (task && facts.attempt !== null && facts.attempt !== task.attempt) return null;
    // Somebody else may have told meanwhile that the partner has it.
    if (!task || (isTaken(task.certainty) && task.has_body === 1)) return leave(taskId, at);
    const { log_seq: logSeq } = task;
    const reason = goesBack ? null : reasonToWait(facts, wasOpenFor);
    const isCancelled = task.is_cancelled === 1;
    if (!waits(task, facts, goesBack, reason)) {
      return schedule.failed({ taskId, logSeq, isCancelled }, at);
    }
    if (isCancelled) {
      const left = leave(taskId, at);
      batchOf.cancelWithBatch(logSeq, at);
      return left;
    }
    const queued = tasks.again(taskId);
    if (!queued) return null;
    const { labIntegrationId, attempt: next, isHeld } = queued;
    if (!isHeld) wait.run(reason, logSeq);
    if (!goesBack) foldRun({ logSeq, number: next - 1, at });
    return { labIntegrationId, wentOn: null, retry: null };
  };

  return {
    openReasonOf,

    end: (taskId, facts, goesBack) => {
      // A success asks for nothing.
      const wasOpenFor = facts.status === 'FAIL' ? openReasonOf(taskId) : null;
      return end(taskId, facts, goesBack, wasOpenFor);
    },

    endReported({ taskId, logSeq, attempt: number, goesBack, openReason: wasOpenFor }) {
      const made = attempt.get(logSeq, number);
      if (!made) {
        const removed = tasks.remove(taskId);
        if (!removed) return null;
        return { labIntegrationId: removed.labIntegrationId, wentOn: removed.wentOn, retry: null };
      }
      const facts: Facts = {
        attempt: number,
        status: made.status,
        certainty: made.certainty,
        errorKind: made.error_kind,
        responseStatusCode: made.response_status_code,
        activityDate: made.ended_at ?? 0,
      };
      return end(taskId, facts, goesBack, wasOpenFor);
    },
  };
}

/** Whether a failed task waits in its place, whatever its schedule says; it uses up no step so. */
function waits(
  task: KnownTask,
  { certainty }: Facts,
  goesBack: boolean,
  reason: HeldReason | null,
): boolean {
  if (task.retry_state === 'CANCELLED') return false;
  if (goesBack) return certainty === 'NOT_SENT';
  return reason !== null && task.is_retry_enabled === 1;
}

/** What a task waits for that the partner does not have; null: for nothing, it has failed. */
function reasonToWait(facts: Facts, wasOpenFor: OpenReason | null): HeldReason | null {
  const { certainty } = facts;
  switch (senseOf(facts)) {
    case 'DOWN':
      return certainty === 'NOT_SENT' ? 'ENDPOINT_DOWN' : null;
    case 'UNFIT':
      return certainty === 'NOT_SENT' ? 'RULE_UNFIT' : null;
    case 'FAILING':
      return certainty === 'REFUSED_RETRYABLE' && wasOpenFor === 'BREAKER' ? 'BREAKER_OPEN' : null;
    case 'UP':
    case 'SILENT':
      return null;
  }
}
