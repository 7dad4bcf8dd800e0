import type { Database } from 'better-sqlite3';
import { senseOf } from '../../shared/model/breaker.ts';
import { isTaken } from '../../shared/model/certainty.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { HeldReason, RetryState } from '../../shared/model/vocabulary.ts';
import { createFoldRun } from './attempt-runs.ts';
import type { Schedule, Scheduled } from './schedule.ts';
import type { Tasks } from './tasks.ts';

type Facts = Pick<
  AttemptReport,
  'status' | 'certainty' | 'errorKind' | 'responseStatusCode' | 'activityDate'
>;

/** How the execution of a task ends, once its outcome has been applied. */
export interface Endings {
  /**
   * Takes the task out of the queue, or lets it wait in its place where nothing was sent through no
   * fault of its own: the endpoint was not reached, the rule or its credentials cannot be used as
   * they are, or it was kept from being sent. What has failed otherwise is tried again by its rule's
   * schedule, where that allows it. What the partner has by now never waits, and what a person has
   * stopped ends here.
   *
   * @param goesBack it was kept from being sent: deliveries were paused, or its rule was switched off,
   *   whatever they are by now
   * @returns null where the task was gone already, here and below
   */
  end(taskId: number, facts: Facts, goesBack: boolean): Scheduled | null;
  /** As `end`, for an outcome that was applied before: its attempt holds the facts. */
  endReported(task: {
    taskId: number;
    logSeq: number;
    attempt: number;
    goesBack: boolean;
  }): Scheduled | null;
}

export function createEndings(db: Database, tasks: Tasks, schedule: Schedule): Endings {
  const foldRun = createFoldRun(db);
  const known = db.prepare<
    [number],
    {
      log_seq: number;
      certainty: Facts['certainty'];
      retry_state: RetryState;
      is_retry_enabled: number | null;
    }
  >(
    `SELECT t.log_seq, l.certainty, l.retry_state, (SELECT i.is_retry_enabled FROM lab_integration i
       WHERE i.lab_integration_id = t.lab_integration_id) AS is_retry_enabled
     FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq WHERE t.task_id = ?`,
  );
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

  const end: Endings['end'] = (taskId, facts, goesBack) => {
    const at = facts.activityDate;
    if (facts.status !== 'FAIL') return leave(taskId, at);
    const task = known.get(taskId);
    // Somebody else may have told meanwhile that the partner has it.
    if (!task || isTaken(task.certainty)) return leave(taskId, at);
    const { log_seq: logSeq } = task;
    if (!waits(task, facts, goesBack)) return schedule.failed({ taskId, logSeq }, at);
    const queued = tasks.again(taskId);
    if (!queued) return null;
    const { labIntegrationId, attempt: next, isHeld } = queued;
    if (!isHeld) wait.run(goesBack ? null : reasonToWait(facts), logSeq);
    if (!goesBack) foldRun({ logSeq, number: next - 1, at });
    return { labIntegrationId, wentOn: null, retry: null };
  };

  return {
    end,
    endReported({ taskId, logSeq, attempt: number, goesBack }) {
      const made = attempt.get(logSeq, number);
      if (!made) {
        const removed = tasks.remove(taskId);
        if (!removed) return null;
        return { labIntegrationId: removed.labIntegrationId, wentOn: removed.wentOn, retry: null };
      }
      const facts: Facts = {
        status: made.status,
        certainty: made.certainty,
        errorKind: made.error_kind,
        responseStatusCode: made.response_status_code,
        activityDate: made.ended_at ?? 0,
      };
      return end(taskId, facts, goesBack);
    },
  };
}

/** Whether a failed task waits in its place, whatever its schedule says; it uses up no step so. */
function waits(
  task: { retry_state: RetryState; is_retry_enabled: number | null },
  facts: Facts,
  goesBack: boolean,
): boolean {
  if (facts.certainty !== 'NOT_SENT' || task.retry_state === 'CANCELLED') return false;
  return goesBack || (reasonToWait(facts) !== null && task.is_retry_enabled === 1);
}

/** What a task that was not sent waits for; null: for nothing, it has failed. */
function reasonToWait(facts: Facts): HeldReason | null {
  switch (senseOf(facts)) {
    case 'DOWN':
      return 'ENDPOINT_DOWN';
    case 'UNFIT':
      return 'RULE_UNFIT';
    case 'FAILING':
    case 'UP':
    case 'SILENT':
      return null;
  }
}
