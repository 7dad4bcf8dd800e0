import type { Database } from 'better-sqlite3';
import { isUrgent } from '../../shared/model/ordering.ts';
import type { AttemptKind, Priority } from '../../shared/model/vocabulary.ts';
import type { Key, Ordering } from './ordering.ts';
import { ROUTINE, STAT } from './task-priority.ts';

/** What a task is queued with. */
export interface NewTask {
  logSeq: number | bigint;
  labIntegrationId: number | null;
  priority: Priority;
  orderingKey: string | null;
  /** Epoch milliseconds. */
  deliverBy: number | null;
  dueAt: number;
  kind: AttemptKind;
  attempt: number;
  revision: number;
}

interface Gone {
  log_seq: number;
  lab_integration_id: number;
  ordering_key: string | null;
}

/** How tasks come into the queue and leave it, in the order of their keys. */
export interface Tasks {
  /**
   * Queues a task: ready, or waiting where another of its ordering key is before it. An urgent one
   * that has to wait lifts its whole key.
   */
  add(task: NewTask): void;
  /** Takes a task out of which nothing came; the next of its ordering key becomes ready. */
  remove(taskId: number): void;
  /**
   * Takes a task out whose outcome its log tells by now; the next of its ordering key becomes ready,
   * or is held, as the rule says.
   * @param at when it ended (epoch ms)
   * @returns the integration of which a STAT task has become ready so; null: of none
   */
  end(taskId: number, at: number): number | null;
}

/**
 * One task of an ordering key at most is ready or under way (a unique index holds it); the others
 * wait, in the order in which they were queued. So a claim never has to look for what blocks a
 * task, however many wait.
 */
export function createTasks(db: Database, ordering: Ordering): Tasks {
  const insert = db.prepare(
    `INSERT INTO task (log_seq, lab_integration_id, state, priority, ordering_key, deliver_by, due_at,
       kind, attempt, revision)
     VALUES (@logSeq, @labIntegrationId, @state, @priority, @orderingKey, @deliverBy, @dueAt, @kind,
       @attempt, @revision)`,
  );
  const remove = db.prepare<[number], Gone>(
    'DELETE FROM task WHERE task_id = ? RETURNING log_seq, lab_integration_id, ordering_key',
  );

  return {
    add(task) {
      const { labIntegrationId: integration, orderingKey } = task;
      const key = keyOf(integration, orderingKey);
      const waits = key !== null && ordering.mustWait(key, Number(task.logSeq));
      const urgent = isUrgent(task, task.dueAt);
      insert.run({
        ...task,
        priority: urgent ? STAT : ROUTINE,
        state: waits ? 'WAITING' : 'READY',
      });
      if (waits && urgent) ordering.lift(key);
    },

    remove(taskId) {
      const gone = remove.get(taskId);
      const key = gone ? keyOf(gone.lab_integration_id, gone.ordering_key) : null;
      if (key) ordering.promote(key);
    },

    end(taskId, at) {
      const gone = remove.get(taskId);
      const key = gone ? keyOf(gone.lab_integration_id, gone.ordering_key) : null;
      return gone && key && ordering.ended(key, gone.log_seq, at) ? key.integration : null;
    },
  };
}

function keyOf(integration: number | null, key: string | null): Key | null {
  return integration === null || key === null ? null : { integration, key };
}
