import type { Database } from 'better-sqlite3';
import type { BuiltRevision, RetryContext } from '../../shared/model/delivery.ts';
import type {
  HeldFate,
  HeldFilter,
  HeldGroup,
  HeldSettled,
  HeldTask,
} from '../../shared/model/held.ts';
import type { Certainty, HeldReason } from '../../shared/model/vocabulary.ts';
import { createNewBody } from './new-body.ts';
import type { Tasks } from './tasks.ts';

/** Who decides what becomes of held deliveries, and when. */
export interface HeldDecision {
  actor: string;
  /** Noted in each log that is dropped or whose body is built anew; null where none was given. */
  reason: string | null;
  now: number;
}

/** Holding what is open, and letting go of what is held: a chunk a command, so that others come between. */
export function createHeldTaskCommands(db: Database, tasks: Tasks) {
  const holdDone = db.prepare<[number]>(
    `UPDATE integration_state SET waiting_action = NULL, waiting_actor = NULL
     WHERE lab_integration_id = ? AND waiting_action = 'HOLD'`,
  );
  const actionDone = db.prepare<[{ id: number; action: string; afterTaskId: number }]>(
    `UPDATE integration_state SET waiting_action = NULL, waiting_actor = NULL
     WHERE lab_integration_id = @id AND waiting_action = @action AND NOT EXISTS (
       SELECT 1 FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq
       WHERE t.lab_integration_id = @id AND t.state = 'HELD' AND t.task_id > @afterTaskId
         AND l.held_reason IN ('INTEGRATION_DISABLED', 'BEHIND_HELD'))`,
  );
  const isUnderWay = db
    .prepare<[number, string], number>(
      `SELECT 1 FROM integration_state WHERE lab_integration_id = ? AND waiting_action = ?`,
    )
    .pluck();
  const heldTask = db.prepare<[number], { log_seq: number; is_active: number | null }>(
    `SELECT log_seq, (SELECT i.is_active FROM lab_integration i
       WHERE i.lab_integration_id = task.lab_integration_id) AS is_active
     FROM task WHERE task_id = ? AND state = 'HELD'`,
  );
  const released = db.prepare<[{ logSeq: number; now: number }]>(
    `UPDATE log SET held_reason = NULL, updated_at = max(updated_at, @now),
       retry_state = CASE newest_attempt WHEN 0 THEN 'NONE' ELSE 'SCHEDULED' END
     WHERE log_seq = @logSeq`,
  );
  const ended = db.prepare<[object]>(
    `UPDATE log SET held_reason = NULL, retry_state = @retryState, certainty = coalesce(certainty, 'NOT_SENT'),
       status = CASE status WHEN 'PENDING' THEN 'FAIL' ELSE status END,
       error_kind = coalesce(@errorKind, error_kind),
       error_message = coalesce(@errorMessage, error_message),
       activity_date = @now, updated_at = max(updated_at, @now)
     WHERE log_seq = @logSeq`,
  );
  const newBody = createNewBody(db);
  const note = db.prepare<[number, number, string, string, string]>(
    'INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, ?, ?, ?)',
  );
  const addNote = db.prepare<[object]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note)
     SELECT log_seq, @at, @actor, @kind, @note FROM log WHERE log_id = @logId`,
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );

  const replaceBody = (logSeq: number, revision: BuiltRevision, { actor, now }: HeldDecision) => {
    const number = newBody(logSeq, revision, 'REBUILT', now);
    const words = `the body was built anew: revision ${number}`;
    const from = revision.fallback === null ? '' : `, from our own copy: ${revision.fallback}`;
    note.run(logSeq, now, actor, 'REBUILT', words + from);
    textPending.run(logSeq);
  };

  /** Ends a held delivery for good. An earlier attempt's certainty stands. */
  const end = (
    fate: { taskId: number; logSeq: number },
    told: { retryState: string; errorKind: string | null; errorMessage: string | null },
    kind: string,
    words: string,
    { actor, now }: HeldDecision,
  ) => {
    tasks.remove(fate.taskId);
    ended.run({ ...told, logSeq: fate.logSeq, now });
    note.run(fate.logSeq, now, actor, kind, words);
    textPending.run(fate.logSeq);
  };

  return {
    /**
     * Holds a chunk of what is open for a switched-off rule; the last one ends the action.
     * @returns how many; less than the limit: all are held
     */
    holdOpenTasks(request: { labIntegrationId: number; limit: number }): number {
      if (isUnderWay.get(request.labIntegrationId, 'HOLD') === undefined) return 0;
      const held = tasks.hold(request.labIntegrationId, request.limit);
      if (held < request.limit) holdDone.run(request.labIntegrationId);
      return held;
    },

    /**
     * Does to held tasks what was decided; those that are held no longer are passed over, and those
     * of a rule that was switched off since stay held, unless they end. With `during`, nothing is
     * done once that action of the integration has ended or was overtaken, and the answer says so.
     */
    settleHeldTasks(request: {
      fates: HeldFate[];
      decision: HeldDecision;
      during: { labIntegrationId: number; action: string } | null;
    }): HeldSettled {
      const counts = { released: 0, rebuilt: 0, dropped: 0, failed: 0, disabled: 0 };
      const { during, decision } = request;
      if (during && isUnderWay.get(during.labIntegrationId, during.action) === undefined) {
        return { ...counts, isOvertaken: true };
      }
      for (const fate of request.fates) {
        const held = heldTask.get(fate.taskId);
        if (!held) continue;
        const { log_seq: logSeq } = held;
        const task = { taskId: fate.taskId, logSeq };
        switch (fate.kind) {
          case 'RELEASE':
          case 'REPLACE':
            // Ready under a rule that is switched off, it would be neither sent nor held.
            if (held.is_active !== 1) {
              counts.disabled++;
              break;
            }
            if (fate.kind === 'REPLACE') replaceBody(logSeq, fate.revision, decision);
            tasks.unhold(fate.taskId, decision.now);
            released.run({ logSeq, now: decision.now });
            counts[fate.kind === 'REPLACE' ? 'rebuilt' : 'released']++;
            break;
          case 'DROP': {
            const words = decision.reason ?? 'dropped while it was held; it is not sent any more';
            const none = { retryState: 'CANCELLED', errorKind: null, errorMessage: null };
            end(task, none, 'DROPPED', words, decision);
            counts.dropped++;
            break;
          }
          case 'FAIL': {
            const told = { retryState: 'NONE', errorKind: 'PAYLOAD', errorMessage: fate.message };
            end(task, told, 'REBUILD_FAILED', 'its body could not be built anew', decision);
            counts.failed++;
            break;
          }
        }
      }
      return { ...counts, isOvertaken: false };
    },

    /** Ends an action where nothing is left behind `afterTaskId`. @returns whether it is over */
    endWaitingAction(request: {
      labIntegrationId: number;
      action: string;
      afterTaskId: number;
    }): boolean {
      const { labIntegrationId: id, action, afterTaskId } = request;
      actionDone.run({ id, action, afterTaskId });
      return isUnderWay.get(id, action) === undefined;
    },

    /** An act of LabRelay's own or of a person, noted in a log. */
    noteActivity(line: { logId: string; at: number; actor: string; kind: string; note: string }) {
      addNote.run(line);
    },
  };
}

interface HeldRow {
  task_id: number;
  lab_integration_id: number;
  log_id: string;
  lab_id: number;
  action_category: string;
  event_id: string | null;
  retry_context: string;
  held_reason: HeldReason | null;
  sha256: string;
}

/** Held deliveries as those see them who decide on them. */
export function createHeldTaskQueries(db: Database) {
  const one = {
    integration: 't.lab_integration_id = @labIntegrationId AND',
    rest: `t.state = 'HELD' AND t.task_id > @afterTaskId
       AND (@heldReasons IS NULL OR l.held_reason IN (SELECT value FROM json_each(@heldReasons)))
       AND (@certainty IS NULL OR coalesce(l.certainty, 'NONE') = @certainty)
       AND (@from IS NULL OR l.created_at >= @from) AND (@to IS NULL OR l.created_at < @to)`,
  };
  // CROSS JOIN: the held are few among the logs.
  const chunk = (where: string) =>
    db.prepare<[object], HeldRow>(
      `SELECT t.task_id, t.lab_integration_id, l.log_id, l.lab_id, l.action_category, l.event_id,
         l.retry_context, l.held_reason, coalesce(r.sha256, '') AS sha256
       FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq
       LEFT JOIN revision r ON r.log_seq = t.log_seq AND r.number = t.revision
       WHERE ${where} ORDER BY t.task_id LIMIT @limit`,
    );
  const ofOne = chunk(`${one.integration} ${one.rest}`);
  const ofAll = chunk(one.rest);
  const groups = (where: string) =>
    db.prepare<
      [object],
      {
        lab_integration_id: number;
        held_reason: HeldReason | null;
        certainty: Certainty | null;
        n: number;
        oldest: number;
      }
    >(
      `SELECT t.lab_integration_id, l.held_reason, l.certainty, count(*) AS n,
         min(l.created_at) AS oldest
       FROM task t CROSS JOIN log l ON l.log_seq = t.log_seq
       WHERE ${where} GROUP BY t.lab_integration_id, l.held_reason, l.certainty`,
    );
  const groupsOfOne = groups(`${one.integration} ${one.rest}`);
  const groupsOfAll = groups(one.rest);

  const columns = (filter: HeldFilter) => ({
    labIntegrationId: filter.labIntegrationId,
    heldReasons: filter.heldReasons && JSON.stringify(filter.heldReasons),
    certainty: filter.certainty,
    from: filter.from,
    to: filter.to,
  });

  return {
    /** Held tasks by rising id, from behind `afterTaskId`. */
    heldTasks(request: { filter: HeldFilter; afterTaskId: number; limit: number }): HeldTask[] {
      const { filter, afterTaskId, limit } = request;
      const read = filter.labIntegrationId === null ? ofAll : ofOne;
      return read.all({ ...columns(filter), afterTaskId, limit }).map((row) => {
        const context = JSON.parse(row.retry_context) as RetryContext;
        return {
          taskId: row.task_id,
          logId: row.log_id,
          labId: row.lab_id,
          labIntegrationId: row.lab_integration_id,
          actionCategory: row.action_category,
          eventId: row.event_id,
          references: context.references,
          heldReason: row.held_reason,
          sha256: row.sha256,
          isBodyGiven: context.isBodyGiven === true,
        };
      });
    },

    /** How many are held, by integration, reason and certainty. */
    countHeldTasks(filter: HeldFilter): HeldGroup[] {
      const read = filter.labIntegrationId === null ? groupsOfAll : groupsOfOne;
      return read.all({ ...columns(filter), afterTaskId: 0 }).map((row) => ({
        labIntegrationId: row.lab_integration_id,
        heldReason: row.held_reason,
        certainty: row.certainty,
        count: row.n,
        oldestAt: row.oldest,
      }));
    },
  };
}
