import type { Database } from 'better-sqlite3';
import type { AttemptKind, Priority } from '../../shared/model/vocabulary.ts';

/** `task.priority`: the ready index is read in this order. */
export const STAT = 0;
const ROUTINE = 1;

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
  lab_integration_id: number;
  ordering_key: string | null;
}

/** How tasks come into the queue and leave it, in the order of their keys. */
export interface Tasks {
  /** Queues a task: ready, or waiting where another of its ordering key is before it. */
  add(task: NewTask): void;
  /** Takes a task out for good; the next of its ordering key becomes ready. */
  remove(taskId: number): void;
}

/**
 * One task of an ordering key at most is ready or under way (a unique index holds it); the others
 * wait, in the order in which they were queued. So a claim never has to look for what blocks a
 * task, however many wait.
 */
export function createTasks(db: Database): Tasks {
  const insert = db.prepare(
    `INSERT INTO task (log_seq, lab_integration_id, state, priority, ordering_key, deliver_by, due_at,
       kind, attempt, revision)
     VALUES (@logSeq, @labIntegrationId, @state, @priority, @orderingKey, @deliverBy, @dueAt, @kind,
       @attempt, @revision)`,
  );
  // What waits is before a newcomer too.
  const isBusy = db
    .prepare<[{ integration: number | null; key: string }], number>(
      `SELECT EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration
           AND ordering_key = @key AND state IN ('READY', 'CLAIMED', 'REPORTING'))
         OR EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration
           AND ordering_key = @key AND state = 'WAITING')`,
    )
    .pluck();
  const remove = db.prepare<[number], Gone>(
    'DELETE FROM task WHERE task_id = ? RETURNING lab_integration_id, ordering_key',
  );
  const promote = db.prepare<[{ integration: number; key: string }]>(
    `UPDATE task SET state = 'READY'
     WHERE task_id = (SELECT min(task_id) FROM task WHERE lab_integration_id = @integration
         AND ordering_key = @key AND state = 'WAITING')
       AND NOT EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration
         AND ordering_key = @key AND state IN ('READY', 'CLAIMED', 'REPORTING'))`,
  );

  return {
    add(task) {
      const { labIntegrationId: integration, orderingKey: key } = task;
      const waits = key !== null && isBusy.get({ integration, key }) === 1;
      insert.run({
        ...task,
        priority: task.priority === 'STAT' ? STAT : ROUTINE,
        state: waits ? 'WAITING' : 'READY',
      });
    },

    remove(taskId) {
      const gone = remove.get(taskId);
      if (!gone || gone.ordering_key === null) return;
      promote.run({ integration: gone.lab_integration_id, key: gone.ordering_key });
    },
  };
}
