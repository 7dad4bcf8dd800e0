import type { Database } from 'better-sqlite3';
import { senseOf } from '../../shared/model/breaker.ts';
import { isTaken } from '../../shared/model/certainty.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
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
   * they are, or it was kept from being sent. What the partner has by now never waits.
   *
   * @param goesBack it was kept from being sent: deliveries were paused, or its rule was switched off,
   *   whatever they are by now
   * @returns its integration, and what of its key has become ready so; null where the task was gone
   *   already
   */
  end(
    taskId: number,
    facts: Facts,
    goesBack: boolean,
  ): { labIntegrationId: number; wentOn: KeyWentOn | null } | null;
  /**
   * As `end`, for an outcome that was applied before: its attempt holds the facts.
   * @returns what of its key has become ready so
   */
  endReported(task: {
    taskId: number;
    logSeq: number;
    attempt: number;
    goesBack: boolean;
  }): KeyWentOn | null;
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
  const waits = (taskId: number, facts: Facts, goesBack: boolean): boolean => {
    if (facts.certainty !== 'NOT_SENT') return false;
    const task = known.get(taskId);
    // Somebody else may have told meanwhile that the partner has it.
    if (!task || isTaken(task.certainty)) return false;
    return goesBack || (reasonToWait(facts) !== null && task.is_retry_enabled === 1);
  };

  const end: Endings['end'] = (taskId, facts, goesBack) => {
    if (!waits(taskId, facts, goesBack)) return tasks.end(taskId, facts.activityDate);
    const queued = tasks.again(taskId);
    if (!queued) return null;
    const { logSeq, labIntegrationId, attempt: next, isHeld } = queued;
    if (!isHeld) wait.run(goesBack ? null : reasonToWait(facts), logSeq);
    if (!goesBack) foldRun({ logSeq, number: next - 1, at: facts.activityDate });
    return { labIntegrationId, wentOn: null };
  };

  return {
    end,
    endReported({ taskId, logSeq, attempt: number, goesBack }) {
      const made = attempt.get(logSeq, number);
      if (!made) {
        return tasks.remove(taskId)?.wentOn ?? null;
      }
      const facts: Facts = {
        status: made.status,
        certainty: made.certainty,
        errorKind: made.error_kind,
        responseStatusCode: made.response_status_code,
        activityDate: made.ended_at ?? 0,
      };
      return end(taskId, facts, goesBack)?.wentOn ?? null;
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
