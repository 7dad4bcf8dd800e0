import type { Database } from 'better-sqlite3';
import type {
  BulkPlan,
  BulkRetry,
  BulkSelection,
  BulkVerdict,
  MadeAttempt,
  NextBulkItem,
  QueuedBulkItem,
} from '../../shared/model/bulk-retry.ts';
import type { RetryableLog } from '../../shared/model/retry.ts';
import type { Certainty, ErrorKind, LogStatus } from '../../shared/model/vocabulary.ts';
import { BULK_RETRY_COLUMNS, type BulkRetryRow, bulkRetryOf } from './bulk-retry-rows.ts';
import { createReadRetryable } from './retryable-logs.ts';
import { snapshot } from './snapshot.ts';

interface PlanRow {
  certainty: Certainty | null;
  lab_integration_id: number | null;
  verdict: BulkVerdict | null;
  n: number;
}

interface QueuedRow {
  position: number;
  log_seq: number;
  lab_integration_id: number;
  is_canary: number;
  queued_at: number;
  attempt: number;
}

interface TaskRow {
  attempt: number;
  state: string;
  bulk: string | null;
}

interface MadeRow {
  status: LogStatus | null;
  certainty: Certainty | null;
  error_kind: ErrorKind | null;
  response_status_code: number | null;
  ended_at: number | null;
  bulk: string | null;
}

/** What the planning and the running of bulk retries read. */
export function createBulkRunQueries(db: Database) {
  const readLog = createReadRetryable(db);
  const unfinished = db
    .prepare<[], number>(
      `SELECT bulk_retry_seq FROM bulk_retry INDEXED BY bulk_retry_unfinished
       WHERE ended_at IS NULL ORDER BY bulk_retry_seq`,
    )
    .pluck();
  const bulk = db.prepare<[number], BulkRetryRow>(
    `SELECT ${BULK_RETRY_COLUMNS} FROM bulk_retry WHERE bulk_retry_seq = ?`,
  );
  const selection = db.prepare<[number], { selection: string; cursor: string | null }>(
    'SELECT selection, cursor FROM bulk_retry WHERE bulk_retry_seq = ?',
  );
  const place = db.prepare<[string], { created_at: number; log_seq: number }>(
    'SELECT created_at, log_seq FROM log WHERE log_id = ?',
  );
  const planned = db.prepare<[number], PlanRow>(
    `SELECT certainty, lab_integration_id, verdict, count(*) AS n FROM bulk_retry_item
     WHERE bulk_retry_seq = ? GROUP BY certainty, lab_integration_id, verdict`,
  );
  const next = db.prepare<[object], NextBulkItem>(
    `SELECT i.position, l.log_id AS logId, i.lab_integration_id AS labIntegrationId
     FROM bulk_retry_item i INDEXED BY bulk_retry_item_to_send
     CROSS JOIN log l ON l.log_seq = i.log_seq
     WHERE i.bulk_retry_seq = @bulkRetrySeq AND i.state = 'PLANNED'
       AND i.lab_integration_id = @labIntegrationId
     ORDER BY i.position LIMIT (@limit | 0)`,
  );
  const queued = db.prepare<[number], QueuedRow>(
    `SELECT position, log_seq, lab_integration_id, is_canary, queued_at, attempt
     FROM bulk_retry_item INDEXED BY bulk_retry_item_by_state
     WHERE bulk_retry_seq = ? AND state = 'QUEUED' ORDER BY position`,
  );
  // Row look-ups rather than a join, which would be planned anew with every run (see claimed-tasks.ts).
  const taskOf = db.prepare<[number], TaskRow>(
    `SELECT attempt, state, json_extract(retry, '$.bulkRetryId') AS bulk FROM task
     WHERE log_seq = ?`,
  );
  const isOpen = db.prepare<[number]>(
    'SELECT 1 FROM integration_state WHERE lab_integration_id = ? AND opened_at IS NOT NULL',
  );
  const madeColumns = `status, certainty, error_kind, response_status_code, ended_at,
    json_extract(retry, '$.bulkRetryId') AS bulk`;
  const made = db.prepare<[number, number], MadeRow>(
    `SELECT ${madeColumns} FROM attempt WHERE log_seq = ? AND number = ?`,
  );
  const later = db.prepare<[number, number], MadeRow>(
    `SELECT ${madeColumns} FROM attempt
     WHERE log_seq = ? AND number >= ? AND status IS NOT NULL ORDER BY number DESC LIMIT 1`,
  );

  const queuedItem = (row: QueuedRow, bulkRetryId: string): QueuedBulkItem => {
    const own = made.get(row.log_seq, row.attempt);
    const task = own ? undefined : taskOf.get(row.log_seq);
    const isOwn = task?.attempt === row.attempt && task.bulk === bulkRetryId;
    // Its own may be folded into a note, or removed with age.
    const newest = own || isOwn ? undefined : later.get(row.log_seq, row.attempt);
    return {
      position: row.position,
      labIntegrationId: row.lab_integration_id,
      isCanary: row.is_canary === 1,
      queuedAt: row.queued_at,
      made: own ? attemptOf(own) : null,
      later: newest ? attemptOf(newest) : null,
      task: task
        ? {
            isOwn,
            isHeld: task.state === 'HELD',
            waitsForEndpoint:
              task.state === 'READY' && isOpen.get(row.lab_integration_id) !== undefined,
          }
        : null,
    };
  };

  return {
    /** Those that may have something left to be done, the oldest first. */
    unfinishedBulkRetries: (): number[] => unfinished.all(),

    /** Where a bulk retry stands; null: there is none. */
    bulkRetry(bulkRetrySeq: number): BulkRetry | null {
      const row = bulk.get(bulkRetrySeq);
      return row ? bulkRetryOf(row) : null;
    },

    /** What a bulk retry was asked for, and where the finding of its logs stands. */
    bulkSelection(
      bulkRetrySeq: number,
    ): { selection: BulkSelection; cursor: string | null } | null {
      const row = selection.get(bulkRetrySeq);
      return row
        ? { selection: JSON.parse(row.selection) as BulkSelection, cursor: row.cursor }
        : null;
    },

    /** Those of the ids that are logs, the newest first; each once. */
    sortedLogIds(logIds: string[]): string[] {
      const known = [...new Set(logIds)].flatMap((logId) => {
        const row = place.get(logId);
        return row ? [{ logId, ...row }] : [];
      });
      known.sort((a, b) => b.created_at - a.created_at || b.log_seq - a.log_seq);
      return known.map(({ logId }) => logId);
    },

    /** Logs as whoever retries them must know them, in the order of the ids. */
    retryableLogs: snapshot(db, (logIds: string[]): RetryableLog[] => {
      const known = new Map();
      return logIds.flatMap((logId) => readLog(logId, known) ?? []);
    }),

    /** What was found, counted. */
    countBulkPlan(bulkRetrySeq: number): BulkPlan {
      return planOf(planned.all(bulkRetrySeq));
    },

    /** What of it is in the queue, with what there is to tell of it. */
    queuedBulkItems: snapshot(
      db,
      (request: { bulkRetrySeq: number; bulkRetryId: string }): QueuedBulkItem[] =>
        queued.all(request.bulkRetrySeq).map((row) => queuedItem(row, request.bulkRetryId)),
    ),

    /** What is to be queued next, of each integration so many. */
    nextBulkItems(request: {
      bulkRetrySeq: number;
      wants: { labIntegrationId: number; limit: number }[];
    }): NextBulkItem[] {
      const { bulkRetrySeq, wants } = request;
      return wants.flatMap((want) => next.all({ bulkRetrySeq, ...want }));
    },
  };
}

function attemptOf(row: MadeRow): MadeAttempt {
  return {
    status: row.status,
    certainty: row.certainty,
    errorKind: row.error_kind,
    responseStatusCode: row.response_status_code,
    endedAt: row.ended_at,
    bulkRetryId: row.bulk,
  };
}

function planOf(rows: PlanRow[]): BulkPlan {
  const sum = (chosen: PlanRow[]) => ({
    total: chosen.reduce((n, row) => n + row.n, 0),
    refused: chosen.reduce((n, row) => (row.verdict === null ? n : n + row.n), 0),
  });
  const certainties = [...new Set(rows.map(({ certainty }) => certainty))];
  const integrations = [...new Set(rows.map((row) => row.lab_integration_id))];
  const verdicts = [...new Set(rows.map(({ verdict }) => verdict))];
  return {
    ...sum(rows),
    byCertainty: certainties.map((certainty) => ({
      certainty,
      ...sum(rows.filter((row) => row.certainty === certainty)),
    })),
    byIntegration: integrations.map((labIntegrationId) => ({
      labIntegrationId,
      ...sum(rows.filter((row) => row.lab_integration_id === labIntegrationId)),
    })),
    refusedBy: verdicts.flatMap((verdict) =>
      verdict === null
        ? []
        : [{ verdict, count: sum(rows.filter((row) => row.verdict === verdict)).total }],
    ),
  };
}
