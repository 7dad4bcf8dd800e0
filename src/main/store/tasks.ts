import type { Database } from 'better-sqlite3';
import { isUrgent, type KeyWentOn } from '../../shared/model/ordering.ts';
import type { AttemptKind, Priority } from '../../shared/model/vocabulary.ts';
import type { Key, Ordering } from './ordering.ts';
import { createTaskHolds, type TaskHolds, type TaskOwner } from './task-holds.ts';
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
  /** The batch of which it is a part and that is not complete yet; null for all others. */
  batchSeq: number | null;
  /** The complete batch of which it is a part, and with which it is cancelled; left out: none. */
  ofBatch?: number | null;
}

/** Epoch milliseconds. */
export interface TaskWait {
  /** When it began. */
  waitsFrom: number;
  /** The partner asked not to be called before; null where it did not. */
  notBefore: number | null;
}

interface InsertedTask extends Omit<NewTask, 'priority'>, Partial<TaskWait> {
  priority: number;
  state: string;
  ofBatch: number | null;
}

interface Gone {
  log_seq: number;
  lab_integration_id: number;
  ordering_key: string | null;
  kind: AttemptKind;
}

/** How tasks come into the queue and leave it, in the order of their keys. */
export interface Tasks extends TaskHolds {
  /**
   * Queues a task: ready, waiting where another of its ordering key is before it, or held where its
   * rule is switched off or those of its key before it are still held. An urgent one that has to
   * wait lifts its whole key. One of a batch that is not complete yet is kept as RECEIVING.
   */
  add(task: NewTask): void;
  /** Queues a task that is due later. It holds nothing that is behind it in its ordering key. */
  schedule(task: NewTask, wait: TaskWait): void;
  /**
   * Takes a task out of which nothing came; the next of its ordering key becomes ready.
   * @returns also what of its key has become ready so; null where it was gone already, here and below
   */
  remove(taskId: number): (TaskOwner & { wentOn: KeyWentOn | null }) | null;
  /**
   * Takes a task out whose outcome its log tells by now; the next of its ordering key becomes ready,
   * or is held, as the rule says.
   * @param at when it ended (epoch ms)
   * @returns also what of its key has become ready so
   */
  end(taskId: number, at: number): (TaskOwner & { wentOn: KeyWentOn | null }) | null;
  /**
   * Queues a task whose attempt was settled once more, in its old place: the next attempt is one of
   * our own, which still tells who wanted it and why. Held where its rule is switched off by now.
   * @returns also the number of that attempt
   */
  again(taskId: number): (TaskOwner & { attempt: number; isHeld: boolean }) | null;
}

/**
 * One task of an ordering key at most is ready or under way (a unique index holds it); the others
 * wait, in the order in which they were queued. So a claim never has to look for what blocks a
 * task, however many wait.
 */
export function createTasks(db: Database, ordering: Ordering): Tasks {
  const { reasonFor, mark, ...holds } = createTaskHolds(db, ordering);
  const statement = db.prepare(
    `INSERT INTO task (task_id, log_seq, lab_integration_id, state, priority, ordering_key, deliver_by,
       due_at, kind, attempt, revision, batch_seq, waits_from, not_before)
     VALUES (max(@lastId, coalesce((SELECT max(task_id) FROM task), 0)) + 1, @logSeq,
       @labIntegrationId, @state, @priority, @orderingKey, @deliverBy, @dueAt, @kind, @attempt,
       @revision, coalesce(@batchSeq, @ofBatch), @waitsFrom, @notBefore)`,
  );
  const take = db.prepare<[number], Gone>(
    'DELETE FROM task WHERE task_id = ? RETURNING log_seq, lab_integration_id, ordering_key, kind',
  );
  const retryEnded = db.prepare<[number]>(
    `UPDATE log SET retry_state = 'NONE', next_retry_at = NULL, held_reason = NULL
     WHERE log_seq = ? AND retry_state IN ('SCHEDULED', 'RUNNING')`,
  );
  const again = db.prepare<
    [number],
    { log_seq: number; lab_integration_id: number; attempt: number }
  >(
    `UPDATE task SET state = 'READY', kind = 'AUTO', attempt = attempt + 1,
       retry = json_set(retry, '$.waited', json('true')), claimed_by = NULL,
       lease_until = NULL, begun_at = NULL, stamped_at = NULL, crashes = 0, report = NULL
     WHERE task_id = ? RETURNING log_seq, lab_integration_id, attempt`,
  );

  // SQLite gives the id of the newest task again once that has left, and whoever has claimed that one
  // may not know yet: what they do would be done to another. What a restart finds was let go by its
  // recovery, or is asked for by its log as well (leases, the spill journal).
  let lastId = 0;
  const insert = (row: InsertedTask): number => {
    lastId = Number(
      statement.run({ waitsFrom: null, notBefore: null, ...row, lastId }).lastInsertRowid,
    );
    return lastId;
  };

  const leave = (taskId: number, next: (key: Key, logSeq: number) => KeyWentOn | null) => {
    const gone = take.get(taskId);
    if (!gone) return null;
    const key = keyOf(gone.lab_integration_id, gone.ordering_key);
    const wentOn = key && next(key, gone.log_seq);
    if (gone.kind !== 'FIRST') retryEnded.run(gone.log_seq);
    return { logSeq: gone.log_seq, labIntegrationId: gone.lab_integration_id, wentOn };
  };

  return {
    ...holds,

    add(task) {
      const { labIntegrationId: integration, orderingKey } = task;
      if (task.batchSeq !== null) {
        const priority = isUrgent(task, task.dueAt) ? STAT : ROUTINE;
        insert({ ...task, ofBatch: null, priority, state: 'RECEIVING' });
        return;
      }
      const key = keyOf(integration, orderingKey);
      const held = reasonFor(integration, orderingKey);
      const waits = held === null && key !== null && ordering.mustWait(key, Number(task.logSeq));
      const urgent = isUrgent(task, task.dueAt);
      insert({
        ...task,
        ofBatch: task.ofBatch ?? null,
        priority: urgent ? STAT : ROUTINE,
        state: held !== null ? 'HELD' : waits ? 'WAITING' : 'READY',
      });
      if (held !== null) mark(task.logSeq, held);
      else if (waits && urgent) ordering.lift(key);
    },

    schedule({ priority, ...task }, wait) {
      const taskId = insert({
        ...task,
        ...wait,
        ofBatch: task.ofBatch ?? null,
        priority: priority === 'STAT' ? STAT : ROUTINE,
        state: 'SCHEDULED',
      });
      holds.holdIfDisabled(taskId);
    },

    remove: (taskId) => leave(taskId, (key, logSeq) => ordering.left(key, logSeq)),

    end: (taskId, at) => leave(taskId, (key, logSeq) => ordering.ended(key, logSeq, at)),

    again(taskId) {
      const queued = again.get(taskId);
      if (!queued) return null;
      const isHeld = holds.holdIfDisabled(taskId);
      const { log_seq: logSeq, lab_integration_id: labIntegrationId, attempt } = queued;
      return { logSeq, labIntegrationId, attempt, isHeld };
    },
  };
}

/** Null where a task has no place in an order. */
export function keyOf(integration: number | null, key: string | null): Key | null {
  return integration === null || key === null ? null : { integration, key };
}
