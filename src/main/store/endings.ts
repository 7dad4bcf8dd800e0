import type { Database } from 'better-sqlite3';
import { senseOf } from '../../shared/model/breaker.ts';
import { isTaken } from '../../shared/model/certainty.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { HeldReason } from '../../shared/model/vocabulary.ts';
import { createFoldRun } from './attempt-runs.ts';
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
   * they are, or the rule was switched off. What the partner has by now never waits.
   *
   * @param isWithheld the rule was switched off before anything was sent; it may be on again by now
   * @returns its integration, and whether a STAT task has become ready so; null where the task was
   *   gone already
   */
  end(
    taskId: number,
    facts: Facts,
    isWithheld: boolean,
  ): { labIntegrationId: number; isUrgent: boolean } | null;
  /** As `end`, for an outcome that was applied before: its attempt holds the facts. */
  endReported(task: { taskId: number; logSeq: number; attempt: number; isWithheld: boolean }): void;
}

export function createEndings(db: Database, tasks: Tasks): Endings {
  const foldRun = createFoldRun(db);
  const known = db.prepare<
    [number],
    { certainty: Facts['certainty']; is_retry_enabled: number | null }
  >(
    `SELECT l.certainty, (SELECT i.is_retry_enabled FROM lab_integration i
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

  /** Whether a task that was not sent goes on waiting. */
  const waits = (taskId: number, facts: Facts, isWithheld: boolean): boolean => {
    if (facts.certainty !== 'NOT_SENT') return false;
    const task = known.get(taskId);
    // Somebody else may have told meanwhile that the partner has it.
    if (!task || isTaken(task.certainty)) return false;
    return isWithheld || (reasonToWait(facts) !== null && task.is_retry_enabled === 1);
  };

  const end: Endings['end'] = (taskId, facts, isWithheld) => {
    if (!waits(taskId, facts, isWithheld)) return tasks.end(taskId, facts.activityDate);
    const queued = tasks.again(taskId);
    if (!queued) return null;
    const { logSeq, labIntegrationId, attempt: next, isHeld } = queued;
    if (!isHeld) wait.run(isWithheld ? null : reasonToWait(facts), logSeq);
    if (!isWithheld) foldRun({ logSeq, number: next - 1, at: facts.activityDate });
    return { labIntegrationId, isUrgent: false };
  };

  return {
    end,
    endReported({ taskId, logSeq, attempt: number, isWithheld }) {
      const made = attempt.get(logSeq, number);
      if (!made) {
        tasks.remove(taskId);
        return;
      }
      const facts: Facts = {
        status: made.status,
        certainty: made.certainty,
        errorKind: made.error_kind,
        responseStatusCode: made.response_status_code,
        activityDate: made.ended_at ?? 0,
      };
      end(taskId, facts, isWithheld);
    },
  };
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
