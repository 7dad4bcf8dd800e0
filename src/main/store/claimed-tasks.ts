import type { Database } from 'better-sqlite3';
import type { ClaimedTask, TaskDeath } from '../../shared/model/delivery.ts';
import type { AttemptKind } from '../../shared/model/vocabulary.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { faultOf } from './protocol.ts';
import { STAT } from './task-priority.ts';

interface TaskRow {
  task_id: number;
  log_seq: number;
  lab_integration_id: number;
  kind: AttemptKind;
  attempt: number;
  revision: number;
  priority: number;
  crashes: number;
}

interface TaskLogRow {
  log_id: string;
  lab_id: number;
  action_category: string;
  event_id: string | null;
  deliver_by: number | null;
  integration_callback_url: string;
}

interface BodyRow {
  body: StoredBody;
  content_type: string;
}

/**
 * Reads tasks as workers hold them.
 * @returns a function that throws an Error where a task's log or its body cannot be read
 */
export function createReadTask(db: Database): (taskId: number) => ClaimedTask {
  // Three reads, not one join: SQLite (built with STAT4) plans a join anew whenever its parameter
  // changes, which took ten times as long as the reading.
  const taskRow = db.prepare<[number], TaskRow>(
    `SELECT task_id, log_seq, lab_integration_id, kind, attempt, revision, priority, crashes
     FROM task WHERE task_id = ?`,
  );
  const logRow = db.prepare<[number], TaskLogRow>(
    `SELECT log_id, lab_id, action_category, event_id, deliver_by, integration_callback_url
     FROM log WHERE log_seq = ?`,
  );
  const bodyRow = db.prepare<[number, number], BodyRow>(
    'SELECT body, content_type FROM revision WHERE log_seq = ? AND number = ?',
  );
  return (taskId) => {
    const task = taskRow.get(taskId);
    const log = task && logRow.get(task.log_seq);
    const body = task && bodyRow.get(task.log_seq, task.revision);
    if (!log || !body) throw new Error(`task ${taskId} has no log or no revision`);
    return claimedTask(task, log, body);
  };
}

/**
 * Reads a task that was just claimed. One that cannot be read is buried, and null: it would be claimed
 * first for ever and stop the whole queue.
 */
export function createReadClaimed(
  db: Database,
  bury: (death: TaskDeath) => void,
): (taskId: number, now: number) => ClaimedTask | null {
  const read = createReadTask(db);
  return (taskId, now) => {
    try {
      return read(taskId);
    } catch (error) {
      if (faultOf(error).kind !== 'BUG') throw error;
      const errorMessage = 'The task cannot be read: its stored body is missing or damaged.';
      bury({ taskId, cause: 'EXCEPTION', errorMessage, stamped: false, at: now });
      return null;
    }
  };
}

/** In the order in which tasks are to leave: RETURNING gives rows in no promised one. */
export function byUrgency(a: ClaimedTask, b: ClaimedTask): number {
  return urgency(a) - urgency(b) || a.taskId - b.taskId;
}

function urgency(task: ClaimedTask): number {
  return task.priority === 'STAT' ? 0 : 1;
}

function claimedTask(task: TaskRow, log: TaskLogRow, { body, content_type }: BodyRow): ClaimedTask {
  return {
    taskId: task.task_id,
    logId: log.log_id,
    labId: log.lab_id,
    labIntegrationId: task.lab_integration_id,
    actionCategory: log.action_category,
    eventId: log.event_id,
    kind: task.kind,
    attempt: task.attempt,
    revision: task.revision,
    body: decodeBody(body),
    contentType: content_type,
    priority: task.priority === STAT ? 'STAT' : 'ROUTINE',
    deliverBy: log.deliver_by,
    integrationCallbackUrl: log.integration_callback_url,
    crashes: task.crashes,
  };
}
