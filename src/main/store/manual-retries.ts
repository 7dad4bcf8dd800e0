import type { Database } from 'better-sqlite3';
import { isUrgent } from '../../shared/model/ordering.ts';
import {
  type DecidedOn,
  obstacleOfTask,
  type OpenTask,
  type QueuedRetry,
  type QueueRetry,
  type RetryBody,
  type RetryNote,
  type RetryObstacle,
} from '../../shared/model/retry.ts';
import type {
  Certainty,
  Direction,
  HeldReason,
  LogStatus,
  Priority,
} from '../../shared/model/vocabulary.ts';
import { createBatchOf } from './batch-of.ts';
import { createProbeNow } from './breaker.ts';
import type { LogRow } from './directory.ts';
import { createEndpointWaits } from './endpoint-waits.ts';
import { createNewBody } from './new-body.ts';
import type { Tasks } from './tasks.ts';
import { createWaits } from './waits.ts';

/** Queues one retry by hand, inside the caller's transaction: all of it or nothing. */
export type QueueRetryNow = (request: QueueRetry, told?: Told) => QueuedRetry;

/** How the log's activity tells of it. */
interface Told {
  kind: 'RETRIED' | 'REQUEUED';
  /** Where no reason was given. */
  words: string;
}

interface RetriedRow {
  log_seq: number;
  direction: Direction;
  lab_integration_id: number | null;
  priority: Priority;
  ordering_key: string | null;
  deliver_by: number | null;
  held_reason: HeldReason | null;
  newest_attempt: number;
  revision: number;
  retry_count: number;
  status: LogStatus;
  certainty: Certainty | null;
}

interface TaskRow {
  task_id: number;
  state: string;
  kind: OpenTask['kind'];
  stamped_at: number | null;
}

/**
 * A retry takes the place of the one that the schedule had in mind, where there was one: it keeps its
 * place in its ordering key. The commit that queues it holds the body, the note of who wanted it and
 * the line in the log's activity, so after a crash there are all of them or none.
 */
export function createQueueRetry(db: Database, tasks: Tasks): QueueRetryNow {
  const log = db.prepare<[string], RetriedRow>(
    `SELECT log_seq, direction, lab_integration_id, priority, ordering_key, deliver_by, held_reason,
       newest_attempt, revision, retry_count, status, certainty
     FROM log WHERE log_id = ?`,
  );
  const taskOf = db.prepare<[number], TaskRow>(
    'SELECT task_id, state, kind, stamped_at FROM task WHERE log_seq = ?',
  );
  const isActive = db
    .prepare<[number], number>('SELECT is_active FROM lab_integration WHERE lab_integration_id = ?')
    .pluck();
  const hasRevision = db.prepare<[number, number]>(
    'SELECT 1 FROM revision WHERE log_seq = ? AND number = ?',
  );
  const newBody = createNewBody(db);
  const useRevision = db.prepare<[number, number]>('UPDATE log SET revision = ? WHERE log_seq = ?');
  // Before its task is queued, which may mark the log as held.
  const counted = db
    .prepare<[object], number>(
      `UPDATE log SET retry_state = 'SCHEDULED', retry_count = retry_count + 1, retry_step = 0,
         is_body_chosen = @isBodyChosen, next_retry_at = NULL, updated_at = max(updated_at, @now)
       WHERE log_seq = @logSeq RETURNING retry_count`,
    )
    .pluck();
  const replace = db.prepare<[object]>(
    `UPDATE task SET kind = 'MANUAL', attempt = @attempt, revision = @revision, due_at = @now,
       crashes = 0, begun_at = NULL, retry = @retry
     WHERE task_id = @taskId`,
  );
  const noteTask = db.prepare<[string, number]>('UPDATE task SET retry = ? WHERE log_seq = ?');
  const note = db.prepare<[object]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note, detail)
     VALUES (@logSeq, @at, @actor, @kind, @note, @detail)`,
  );
  const textPending = db.prepare<[number]>(
    'INSERT OR IGNORE INTO text_pending (log_seq) VALUES (?)',
  );
  const batchOf = createBatchOf(db);
  const probe = createProbeNow(db);
  const waitsOf = createWaitsOf(db);

  const useBody = (logSeq: number, body: RetryBody, now: number): number => {
    if (body.kind === 'STORED') {
      useRevision.run(body.revision, logSeq);
      return body.revision;
    }
    textPending.run(logSeq);
    return body.kind === 'EDITED'
      ? newBody(logSeq, { ...body.revision, objectsFrom: null }, 'EDITED', now)
      : newBody(logSeq, body.revision, 'REBUILT', now);
  };

  return (request, told = { kind: 'RETRIED', words: wordsOf(request.note) }) => {
    const { logId, expect, body, now } = request;
    const known = log.get(logId);
    if (!known) return refused('NOT_FOUND');
    if (known.direction === 'INBOUND') return refused('CALL');
    const { log_seq: logSeq, lab_integration_id: labIntegrationId } = known;
    const active = labIntegrationId === null ? undefined : isActive.get(labIntegrationId);
    if (labIntegrationId === null || active === undefined) return refused('NO_RULE');
    const task = taskOf.get(logSeq) ?? null;
    const obstacle = obstacleOfTask(task && openTaskOf(task), known.held_reason);
    if (obstacle !== null) return refused(obstacle);
    if (active === 0) return refused('DISABLED');
    if (!isAsDecidedOn(known, expect)) return refused('CHANGED');
    if (body.kind === 'STORED' && !hasRevision.get(logSeq, body.revision)) {
      return refused('NO_BODY');
    }

    const attempt = known.newest_attempt + 1;
    const revision = useBody(logSeq, body, now);
    const isBodyChosen = request.isBodyChosen ? 1 : 0;
    const retryCount = counted.get({ logSeq, isBodyChosen, now }) ?? 0;
    const retry = JSON.stringify(request.note);
    if (task === null) {
      tasks.add({
        logSeq,
        labIntegrationId,
        priority: known.priority,
        orderingKey: known.ordering_key,
        deliverBy: known.deliver_by,
        dueAt: now,
        kind: 'MANUAL',
        attempt,
        revision,
        batchSeq: null,
        ofBatch: batchOf.open(logSeq),
      });
      noteTask.run(retry, logSeq);
    } else {
      replace.run({ taskId: task.task_id, attempt, revision, now, retry });
      if (task.state === 'SCHEDULED') tasks.start(task.task_id, retry);
    }
    const { actor, reason, body: made, changed, bulkRetryId } = request.note;
    note.run({
      logSeq,
      at: now,
      actor: actor ?? 'LabRelay',
      kind: told.kind,
      note: reason ?? told.words,
      detail: JSON.stringify({
        attempt,
        revision,
        body: made,
        changed,
        ...(bulkRetryId === null ? {} : { bulk_retry_id: bulkRetryId }),
      }),
    });
    // Whoever retries one wants to know now whether the endpoint is well again. Of many each would ask
    // for a probe of its own, which is a stampede on a partner that is down.
    if (bulkRetryId === null) probe.rule(labIntegrationId, now);
    return {
      outcome: 'QUEUED',
      logId,
      labIntegrationId,
      attempt,
      revision,
      isUrgent: isUrgent({ priority: known.priority, deliverBy: known.deliver_by }, now),
      waits: waitsOf(logSeq),
      retryCount,
    };
  };
}

/** Why a log's task waits just now, as its document tells it. */
function createWaitsOf(db: Database): (logSeq: number) => HeldReason | null {
  const row = db.prepare<[number], LogRow>('SELECT * FROM log WHERE log_seq = ?');
  const withWait = createEndpointWaits(db);
  const waits = createWaits(db);
  return (logSeq) => {
    const known = row.get(logSeq);
    if (!known) return null;
    const held = withWait(known)['held_reason'] as HeldReason | null;
    return waits(known)?.heldReason ?? held;
  };
}

function openTaskOf(row: TaskRow): OpenTask {
  const { task_id: taskId, state, kind, stamped_at } = row;
  return { taskId, state, kind, isStamped: stamped_at !== null };
}

function isAsDecidedOn(row: RetriedRow, expect: DecidedOn): boolean {
  return (
    row.newest_attempt === expect.newestAttempt &&
    row.revision === expect.revision &&
    row.status === expect.status &&
    row.certainty === expect.certainty
  );
}

function refused(why: RetryObstacle): QueuedRetry {
  return { outcome: 'NOT_QUEUED', why };
}

function wordsOf({ body }: RetryNote): string {
  switch (body) {
    case 'STORED':
      return 'retried with a stored body';
    case 'SAME':
      return 'retried; built anew, its body is the same';
    case 'CHANGED':
      return 'retried with a body that was built anew';
    case 'EDITED':
      return 'retried with an edited body';
  }
}

/** What a person can have queued again. */
export function createManualRetryCommands(queueRetry: QueueRetryNow) {
  return {
    queueRetry: (request: QueueRetry): QueuedRetry => queueRetry(request),
  };
}
