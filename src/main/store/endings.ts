import type { Database } from 'better-sqlite3';
import { senseOf } from '../../shared/model/breaker.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../shared/model/ordering.ts';
import type { Tasks } from './tasks.ts';

type Facts = Pick<
  AttemptReport,
  'status' | 'certainty' | 'errorKind' | 'responseStatusCode' | 'activityDate'
>;

/** How the execution of a task ends, once its outcome has been applied. */
export interface Endings {
  /**
   * Takes the task out of the queue, or lets it wait in its place where nothing was sent through no
   * fault of its own: the endpoint was not reached, or the rule was switched off.
   * @param goesBack it waits whatever the facts say: it was kept from being sent
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
  const ruleOf = db.prepare<[number], { is_active: number; is_retry_enabled: number }>(
    `SELECT is_active, is_retry_enabled FROM lab_integration WHERE lab_integration_id = (
       SELECT lab_integration_id FROM task WHERE task_id = ?)`,
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
  const waitForEndpoint = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'SCHEDULED', held_reason = 'ENDPOINT_DOWN' WHERE log_seq = ?`,
  );

  /** Whether a task that was not sent goes on waiting. */
  const waits = (taskId: number, facts: Facts): boolean => {
    if (facts.certainty !== 'NOT_SENT') return false;
    const rule = ruleOf.get(taskId);
    if (!rule) return false;
    if (senseOf(facts) === 'DOWN') return rule.is_retry_enabled === 1;
    return facts.errorKind === 'CONFIGURATION' && rule.is_active === 0;
  };

  const waitForResume = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'SCHEDULED' WHERE log_seq = ?`,
  );

  const end: Endings['end'] = (taskId, facts, goesBack) => {
    if (!goesBack && !waits(taskId, facts)) return tasks.end(taskId, facts.activityDate);
    const queued = tasks.again(taskId);
    if (queued && !queued.isHeld) (goesBack ? waitForResume : waitForEndpoint).run(queued.logSeq);
    return queued && { labIntegrationId: queued.labIntegrationId, wentOn: null };
  };

  return {
    end,
    endReported({ taskId, logSeq, attempt: number, goesBack }) {
      const made = attempt.get(logSeq, number);
      if (!made) {
        return tasks.remove(taskId)?.wentOn ?? null;
      }
      const facts = {
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
