import type { Database } from 'better-sqlite3';
import type { WaitingAction } from '../../shared/model/held.ts';
import { DELIVER_SOON_MS } from '../../shared/model/ordering.ts';
import type { HeldReason } from '../../shared/model/vocabulary.ts';
import type { Ordering } from './ordering.ts';
import { ROUTINE, STAT } from './task-priority.ts';

/** Whose a task is. */
export interface TaskOwner {
  logSeq: number;
  labIntegrationId: number;
}

/** How tasks are held back and let go; a part of {@link import('./tasks.ts').Tasks}. */
export interface TaskHolds {
  /** Holds a task that was just given back, where its rule is switched off by now. */
  holdIfDisabled(taskId: number): boolean;
  /**
   * Holds up to `limit` tasks of a switched-off rule that are open and not under way.
   * @returns how many
   */
  hold(labIntegrationId: number, limit: number): number;
  /**
   * Lets a held task go: ready or, behind others of its ordering key, held ones too, waiting. It is
   * due at once, whatever the clock said when it was queued. An urgent one lifts its whole key.
   * @returns null where it is held no longer
   */
  unhold(taskId: number, now: number): TaskOwner | null;
  /**
   * Lets a scheduled task go whose time has come: ready or, behind others of its ordering key, waiting.
   * The head that its followers wait for goes past them.
   * @param retry what its attempt is made of (JSON)
   * @returns whether it is urgent
   */
  start(taskId: number, retry: string): boolean;
  /**
   * Lets a task of a batch go that is complete by now: ready, waiting or held, as one that is queued
   * now would be. Those of a key are let go by rising id.
   * @returns whether it is urgent
   */
  admit(task: ReceivingTask, now: number): boolean;
}

/** A task of a batch that is not released yet. */
export interface ReceivingTask extends TaskOwner {
  taskId: number;
  orderingKey: string | null;
  isStat: boolean;
  /** Epoch milliseconds. */
  deliverBy: number | null;
  /** Its batch was under way in a backup that was restored: people let it go. */
  isRestored: boolean;
}

/** As {@link TaskHolds}, with what only the queueing of tasks needs. */
export interface OwnTaskHolds extends TaskHolds {
  /** Why a new task must be held; null: nothing stands in its way. */
  reasonFor: (labIntegrationId: number | null, orderingKey: string | null) => HeldReason | null;
  /** Tells in its log that a task is held. */
  mark: (logSeq: number | bigint, reason: HeldReason) => void;
}

interface Unheld {
  log_seq: number;
  lab_integration_id: number;
  ordering_key: string | null;
  priority: number;
}

export function createTaskHolds(db: Database, ordering: Ordering): OwnTaskHolds {
  // Two look-ups, not a join, which SQLite would plan anew for every task (see queue.ts).
  const isActive = db
    .prepare<[number | null], number>(
      'SELECT is_active FROM lab_integration WHERE lab_integration_id = ?',
    )
    .pluck();
  const action = db
    .prepare<[number | null], WaitingAction | null>(
      'SELECT waiting_action FROM integration_state WHERE lab_integration_id = ?',
    )
    .pluck();
  const markHeld = db.prepare<[HeldReason, number | bigint]>(
    `UPDATE log SET held_reason = ?, retry_state = 'HELD', next_retry_at = NULL WHERE log_seq = ?`,
  );
  const holdIfDisabled = db
    .prepare<[number], number>(
      `UPDATE task SET state = 'HELD' WHERE task_id = ? AND state IN ('READY', 'SCHEDULED') AND EXISTS (
         SELECT 1 FROM lab_integration i
         WHERE i.lab_integration_id = task.lab_integration_id AND i.is_active = 0)
       RETURNING log_seq`,
    )
    .pluck();
  // One statement a state, since each has an index of its own.
  const holdThose = (state: string) =>
    db
      .prepare<[number, number], number>(
        `UPDATE task SET state = 'HELD' WHERE task_id IN (SELECT task_id FROM task
           WHERE lab_integration_id = ? AND state = '${state}' LIMIT ?) RETURNING log_seq`,
      )
      .pluck();
  const holds = [holdThose('READY'), holdThose('WAITING'), holdThose('SCHEDULED')];
  // Never SCHEDULED: a clock that was set back, or another machine's, must not keep it for ever.
  const unhold = db.prepare<[{ taskId: number; soon: number }], Unheld>(
    `UPDATE task SET state = CASE WHEN ordering_key IS NULL THEN 'READY' ELSE 'WAITING' END,
       waits_from = NULL, not_before = NULL,
       priority = CASE WHEN deliver_by <= @soon THEN ${STAT} ELSE priority END
     WHERE task_id = @taskId AND state = 'HELD'
     RETURNING log_seq, lab_integration_id, ordering_key, priority`,
  );
  const start = db.prepare<[{ taskId: number; retry: string }], Unheld>(
    `UPDATE task SET state = CASE WHEN ordering_key IS NULL THEN 'READY' ELSE 'WAITING' END,
       waits_from = NULL, not_before = NULL, retry = @retry
     WHERE task_id = @taskId AND state = 'SCHEDULED'
     RETURNING log_seq, lab_integration_id, ordering_key, priority`,
  );
  const goAlone = db.prepare<[number]>(
    `UPDATE task SET state = 'READY' WHERE task_id = ? AND NOT EXISTS (SELECT 1 FROM task o
       WHERE o.lab_integration_id = task.lab_integration_id AND o.ordering_key = task.ordering_key
         AND o.state IN ('READY', 'CLAIMED', 'REPORTING'))`,
  );

  const admitAs = db.prepare<[string, number, number]>(
    `UPDATE task SET state = ?, priority = ? WHERE task_id = ? AND state = 'RECEIVING'`,
  );

  const reasonFor = (integration: number | null, orderingKey: string | null): HeldReason | null => {
    if (isActive.get(integration) === 0) return 'INTEGRATION_DISABLED';
    // Those of its key that are still held came before it.
    return orderingKey !== null && action.get(integration) ? 'BEHIND_HELD' : null;
  };

  /** Gives a task that waits from now on its place in its ordering key. */
  const place = (taskId: number, task: Unheld): void => {
    const { log_seq: logSeq, lab_integration_id: integration, ordering_key: key } = task;
    if (key === null) return;
    if (task.priority === STAT) ordering.lift({ integration, key });
    // The head that its followers wait for may be sent again, past them.
    const isHead = ordering.holdOn({ integration, key })?.headLogSeq === logSeq;
    if (isHead) goAlone.run(taskId);
    else ordering.promote({ integration, key });
  };

  return {
    reasonFor,

    start(taskId, retry) {
      const task = start.get({ taskId, retry });
      if (task) place(taskId, task);
      return task?.priority === STAT;
    },

    admit(task, now) {
      const { taskId, logSeq, labIntegrationId: integration, orderingKey: key, deliverBy } = task;
      const isSoon = deliverBy !== null && deliverBy <= now + DELIVER_SOON_MS;
      const priority = task.isStat || isSoon ? STAT : ROUTINE;
      const held = task.isRestored ? 'RESTORED_BACKUP' : reasonFor(integration, key);
      const state = held !== null ? 'HELD' : key !== null ? 'WAITING' : 'READY';
      admitAs.run(state, priority, taskId);
      if (held !== null) markHeld.run(held, logSeq);
      else if (key !== null) {
        if (priority === STAT) ordering.lift({ integration, key });
        ordering.promote({ integration, key });
      }
      return priority === STAT;
    },

    mark(logSeq, reason) {
      markHeld.run(reason, logSeq);
    },

    holdIfDisabled(taskId) {
      const logSeq = holdIfDisabled.get(taskId);
      if (logSeq !== undefined) markHeld.run('INTEGRATION_DISABLED', logSeq);
      return logSeq !== undefined;
    },

    hold(labIntegrationId, limit) {
      const held: number[] = [];
      for (const those of holds) {
        if (held.length < limit) held.push(...those.all(labIntegrationId, limit - held.length));
      }
      for (const logSeq of held) markHeld.run('INTEGRATION_DISABLED', logSeq);
      return held.length;
    },

    unhold(taskId, now) {
      const task = unhold.get({ taskId, soon: now + DELIVER_SOON_MS });
      if (!task) return null;
      place(taskId, task);
      return { logSeq: task.log_seq, labIntegrationId: task.lab_integration_id };
    },
  };
}
