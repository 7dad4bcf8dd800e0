import type { Database } from 'better-sqlite3';
import type { RetryContext } from '../../shared/model/delivery.ts';
import type {
  DueRetry,
  NextRetry,
  RetriesStarted,
  RetryDelay,
  RetryFate,
} from '../../shared/model/due-retry.ts';
import { bodyOfAutomaticRetry } from '../../shared/model/retry-policy.ts';
import type { Certainty } from '../../shared/model/vocabulary.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { createNewBody } from './new-body.ts';
import { createOvertakenBy, createStopRetry, overtakenWords } from './overtaken.ts';
import { STAT } from './task-priority.ts';
import type { Tasks } from './tasks.ts';

/** A wait that began so far in the future (ms) was written before the clock was set back. */
const AHEAD_MS = 1_000;

const SWITCHED_OFF =
  'Its integration makes no retries by itself any more (is_retry_enabled); this one is not sent again.';

interface Waiting {
  log_seq: number;
  lab_integration_id: number;
  is_retry_enabled: number;
}

/** Retries whose time has come, and waits that change: a chunk a command, so that others come between. */
export function createScheduledTaskCommands(db: Database, tasks: Tasks) {
  // One of a rule that is switched off is about to be held, or waits for that.
  const waiting = db.prepare<[number, number], Waiting>(
    `SELECT log_seq, lab_integration_id, (SELECT i.is_retry_enabled FROM lab_integration i
       WHERE i.lab_integration_id = task.lab_integration_id) AS is_retry_enabled FROM task
     WHERE task_id = ? AND state = 'SCHEDULED' AND attempt = ?
       AND (SELECT i.is_active FROM lab_integration i
            WHERE i.lab_integration_id = task.lab_integration_id) = 1`,
  );
  const newBody = createNewBody(db);
  const started = db.prepare<[number]>(
    `UPDATE log SET retry_count = retry_count + 1, next_retry_at = NULL WHERE log_seq = ?`,
  );
  const failed = db.prepare<[{ logSeq: number; message: string; now: number }]>(
    `UPDATE log SET retry_state = 'NONE', error_kind = 'PAYLOAD', error_message = @message,
       activity_date = @now, updated_at = max(updated_at, @now)
     WHERE log_seq = @logSeq`,
  );
  const note = db.prepare<[number, number, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note)
     VALUES (?, ?, 'LabRelay', 'REBUILD_FAILED', ?)`,
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );
  const stop = createStopRetry(db, tasks);
  const putOff = db
    .prepare<[RetryDelay & { now: number }], number>(
      `UPDATE task SET due_at = @dueAt, waits_from = @now
       WHERE task_id = @taskId AND state = 'SCHEDULED' AND attempt = @attempt RETURNING log_seq`,
    )
    .pluck();
  const ahead = db.prepare<[{ now: number; limit: number }], { log_seq: number; due_at: number }>(
    `UPDATE task SET due_at = due_at - (waits_from - @now),
       not_before = not_before - (waits_from - @now), waits_from = @now
     WHERE task_id IN (SELECT task_id FROM task INDEXED BY task_scheduled_from
       WHERE state = 'SCHEDULED' AND waits_from > @now + ${AHEAD_MS} LIMIT (@limit | 0))
     RETURNING log_seq, due_at`,
  );
  const dueAt = db.prepare<[number, number]>('UPDATE log SET next_retry_at = ? WHERE log_seq = ?');

  return {
    /**
     * Does to due retries what was found out; what is not scheduled any more, or waits for another
     * attempt by now, is passed over.
     */
    startRetries({ fates, now }: { fates: RetryFate[]; now: number }): RetriesStarted {
      const result: RetriesStarted = { started: 0, failed: 0, stopped: 0, urgent: [] };
      for (const fate of fates) {
        const task = waiting.get(fate.taskId, fate.attempt);
        if (!task) continue;
        const { log_seq: logSeq } = task;
        if (task.is_retry_enabled === 0) {
          stop({ taskId: fate.taskId, logSeq }, SWITCHED_OFF, now);
          result.stopped++;
          continue;
        }
        switch (fate.kind) {
          case 'REPLACE':
          case 'GO': {
            if (fate.kind === 'REPLACE') {
              newBody(logSeq, fate.revision, 'REBUILT', now);
              textPending.run(logSeq);
            }
            started.run(logSeq);
            const isStat = tasks.start(fate.taskId, JSON.stringify(fate.note));
            if (isStat) result.urgent.push(task.lab_integration_id);
            result.started++;
            break;
          }
          case 'FAIL':
            tasks.remove(fate.taskId);
            failed.run({ logSeq, message: fate.message, now });
            note.run(logSeq, now, 'its body could not be built anew for its retry');
            textPending.run(logSeq);
            result.failed++;
            break;
          case 'STOP':
            stop({ taskId: fate.taskId, logSeq }, overtakenWords(fate.overtakenBy), now);
            result.stopped++;
            break;
        }
      }
      return result;
    },

    /** Puts retries off; those that are not scheduled any more are passed over. */
    deferRetries({ delays, now }: { delays: RetryDelay[]; now: number }): void {
      for (const delay of delays) {
        const logSeq = putOff.get({ ...delay, now });
        if (logSeq !== undefined) dueAt.run(delay.dueAt, logSeq);
      }
    },

    /**
     * Gives retries whose wait began in what is the future now, since the clock was set back, their
     * wait again from now.
     * @returns how many; less than the limit: all
     */
    restartWaits({ now, limit }: { now: number; limit: number }): number {
      const moved = ahead.all({ now, limit });
      for (const task of moved) dueAt.run(task.due_at, task.log_seq);
      return moved.length;
    },
  };
}

interface DueTaskRow {
  task_id: number;
  log_seq: number;
  lab_integration_id: number;
  priority: number;
  ordering_key: string | null;
  deliver_by: number | null;
  due_at: number;
  attempt: number;
  revision: number;
}

interface DueLogRow {
  log_id: string;
  lab_id: number;
  action_category: string;
  event_id: string | null;
  certainty: Certainty | null;
  is_body_chosen: number;
  retry_context: string;
}

/** Finds when the next scheduled retry is due; null: none is scheduled. */
export function createNextRetryAt(db: Database): () => number | null {
  // One seek for each priority, since the index is in that order.
  const next = db
    .prepare<[], number | null>(
      `SELECT min(at) FROM (
         SELECT min(due_at) AS at FROM task INDEXED BY task_scheduled
           WHERE state = 'SCHEDULED' AND priority = 0
         UNION ALL
         SELECT min(due_at) FROM task INDEXED BY task_scheduled
           WHERE state = 'SCHEDULED' AND priority = 1)`,
    )
    .pluck();
  return () => next.get() ?? null;
}

/** The schedule as its timer reads it. */
export function createScheduledTaskQueries(db: Database) {
  const due = db.prepare<[{ priority: number; now: number; limit: number }], DueTaskRow>(
    `SELECT task_id, log_seq, lab_integration_id, priority, ordering_key, deliver_by, due_at, attempt,
       revision
     FROM task INDEXED BY task_scheduled
     WHERE state = 'SCHEDULED' AND priority = (@priority | 0) AND due_at <= @now
     ORDER BY due_at LIMIT (@limit | 0)`,
  );
  const nextAt = createNextRetryAt(db);
  const lastFrom = db
    .prepare<[], number | null>(
      `SELECT max(waits_from) FROM task INDEXED BY task_scheduled_from WHERE state = 'SCHEDULED'`,
    )
    .pluck();
  // Single look-ups, not a join, which SQLite would plan anew for every chunk (see claimed-tasks.ts).
  const logOf = db.prepare<[number], DueLogRow>(
    `SELECT log_id, lab_id, action_category, event_id, certainty, is_body_chosen, retry_context
     FROM log WHERE log_seq = ?`,
  );
  const sha256 = db
    .prepare<[number, number], string>(
      'SELECT sha256 FROM revision WHERE log_seq = ? AND number = ?',
    )
    .pluck();
  const inDoubt = db.prepare<[number]>(
    `SELECT 1 FROM attempt WHERE log_seq = ? AND certainty IN ('UNKNOWN', 'COMMITTED') LIMIT 1`,
  );
  const overtakenBy = createOvertakenBy(db);
  const sent = db
    .prepare<[string], StoredBody>(
      `SELECT r.body FROM log l
       CROSS JOIN attempt a ON a.log_seq = l.log_seq AND a.number = l.newest_attempt
       CROSS JOIN revision r ON r.log_seq = l.log_seq AND r.number = a.revision
       WHERE l.log_id = ?`,
    )
    .pluck();

  const dueRetry = (task: DueTaskRow): DueRetry | null => {
    const { log_seq: logSeq, lab_integration_id: integration, ordering_key: key } = task;
    const log = logOf.get(logSeq);
    if (!log) return null;
    const { references, isBodyGiven = false } = JSON.parse(log.retry_context) as RetryContext;
    return {
      taskId: task.task_id,
      attempt: task.attempt,
      logId: log.log_id,
      labId: log.lab_id,
      labIntegrationId: integration,
      actionCategory: log.action_category,
      eventId: log.event_id,
      references,
      isStat: task.priority === STAT,
      deliverBy: task.deliver_by,
      dueAt: task.due_at,
      sha256: sha256.get(logSeq, task.revision) ?? '',
      isBodyGiven,
      body: bodyOfAutomaticRetry({
        certainty: log.certainty,
        mayBeHeld: inDoubt.get(logSeq) !== undefined,
        isFixed: isBodyGiven || log.is_body_chosen === 1,
      }),
      overtakenBy: key === null ? null : overtakenBy({ integration, key, logSeq }),
    };
  };

  return {
    /** Retries whose time has come: STAT first, then those that were due first. */
    dueRetries({ now, limit }: { now: number; limit: number }): DueRetry[] {
      const urgent = due.all({ priority: 0, now, limit });
      const rest = limit - urgent.length;
      const routine = rest > 0 ? due.all({ priority: 1, now, limit: rest }) : [];
      return [...urgent, ...routine].flatMap((task) => dueRetry(task) ?? []);
    },

    nextRetry({ now }: { now: number }): NextRetry {
      const from = lastFrom.get() ?? null;
      return {
        at: nextAt(),
        isClockBack: from !== null && from > now + AHEAD_MS,
      };
    },

    /** The bytes that a log's newest attempt sent; null where it has none. */
    lastSentBody({ logId }: { logId: string }): string | null {
      const body = sent.get(logId);
      return body === undefined ? null : decodeBody(body);
    },
  };
}
