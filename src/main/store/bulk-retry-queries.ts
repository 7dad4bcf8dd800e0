import type { Database } from 'better-sqlite3';
import type {
  BulkCanary,
  BulkCounts,
  BulkItem,
  BulkItemState,
  BulkOutcome,
  BulkRetryRecord,
  BulkVerdict,
} from '../../shared/model/bulk-retry.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { Certainty } from '../../shared/model/vocabulary.ts';
import { BULK_RETRY_COLUMNS, type BulkRetryRow, bulkRetryOf } from './bulk-retry-rows.ts';
import { snapshot } from './snapshot.ts';

interface ListedRow extends BulkRetryRow {
  counts: string | null;
  named: number | null;
  shown: string | null;
}

interface CountRow {
  state: BulkItemState;
  failure_class: string | null;
  n: number;
}

interface ItemRow {
  position: number;
  log_id: string;
  lab_integration_id: number | null;
  certainty: Certainty | null;
  state: BulkItemState;
  verdict: BulkVerdict | null;
  is_canary: number;
  attempt: number | null;
  outcome: string | null;
  failure_class: string | null;
  queued_at: number | null;
  ended_at: number | null;
}

/** Bulk retries as people read them. */
export function createBulkRetryQueries(db: Database) {
  // The selection may name ten thousand logs; it stays where it is.
  const columns = `${BULK_RETRY_COLUMNS}, counts,
    json_array_length(selection, '$.logIds') AS named, selection -> '$.shown' AS shown`;
  const byId = db.prepare<[string], ListedRow>(
    `SELECT ${columns} FROM bulk_retry WHERE bulk_retry_id = ?`,
  );
  const list = db.prepare<[object], ListedRow>(
    `SELECT ${columns} FROM bulk_retry
     WHERE @beforeSeq IS NULL OR bulk_retry_seq < @beforeSeq
     ORDER BY bulk_retry_seq DESC LIMIT (@limit | 0)`,
  );
  const count = db.prepare<[number], CountRow>(
    `SELECT state, failure_class, count(*) AS n
     FROM bulk_retry_item INDEXED BY bulk_retry_item_by_state
     WHERE bulk_retry_seq = ? GROUP BY state, failure_class`,
  );
  const itemColumns = `i.position, l.log_id, i.lab_integration_id, i.certainty, i.state, i.verdict,
    i.is_canary, i.attempt, i.outcome, i.failure_class, i.queued_at, i.ended_at`;
  const items = db.prepare<[object], ItemRow>(
    `SELECT ${itemColumns} FROM bulk_retry_item i CROSS JOIN log l ON l.log_seq = i.log_seq
     WHERE i.bulk_retry_seq = @bulkRetrySeq AND i.position > @after
     ORDER BY i.position LIMIT (@limit | 0)`,
  );
  const itemsInState = db.prepare<[object], ItemRow>(
    `SELECT ${itemColumns} FROM bulk_retry_item i INDEXED BY bulk_retry_item_by_state
     CROSS JOIN log l ON l.log_seq = i.log_seq
     WHERE i.bulk_retry_seq = @bulkRetrySeq AND i.state = @state AND i.position > @after
     ORDER BY i.position LIMIT (@limit | 0)`,
  );
  const canaries = db.prepare<[number], ItemRow>(
    `SELECT ${itemColumns} FROM bulk_retry_item i INDEXED BY bulk_retry_item_canary
     CROSS JOIN log l ON l.log_seq = i.log_seq
     WHERE i.bulk_retry_seq = ? AND i.is_canary = 1 ORDER BY i.position`,
  );

  const record = (row: ListedRow): BulkRetryRecord => ({
    ...bulkRetryOf(row),
    namedLogs: row.named,
    shownFilter: row.shown === null ? null : (JSON.parse(row.shown) as JsonObject),
    counts:
      row.counts === null
        ? countsOf(count.all(row.bulk_retry_seq))
        : (JSON.parse(row.counts) as BulkCounts),
  });

  return {
    /** The newest first. */
    listBulkRetries: snapshot(
      db,
      (request: { beforeSeq: number | null; limit: number }): BulkRetryRecord[] =>
        list.all(request).map(record),
    ),

    getBulkRetry: snapshot(db, (bulkRetryId: string): BulkRetryRecord | null => {
      const row = byId.get(bulkRetryId);
      return row ? record(row) : null;
    }),

    /** How its logs stand. */
    bulkCounts: (bulkRetrySeq: number): BulkCounts => countsOf(count.all(bulkRetrySeq)),

    /** Its logs by rising position, from behind `after`. */
    bulkRetryItems(request: {
      bulkRetrySeq: number;
      state: BulkItemState | null;
      after: number;
      limit: number;
    }): BulkItem[] {
      const rows = request.state === null ? items.all(request) : itemsInState.all(request);
      return rows.map(itemOf);
    },

    /** Those that went first. */
    bulkCanaries(bulkRetrySeq: number): BulkCanary[] {
      return canaries.all(bulkRetrySeq).flatMap((row) => {
        const { lab_integration_id: labIntegrationId, position, state } = row;
        if (labIntegrationId === null) return [];
        const { log_id: logId, failure_class: failureClass } = row;
        return [{ position, logId, labIntegrationId, state, failureClass }];
      });
    },
  };
}

function itemOf(row: ItemRow): BulkItem {
  return {
    position: row.position,
    logId: row.log_id,
    labIntegrationId: row.lab_integration_id,
    certainty: row.certainty,
    state: row.state,
    verdict: row.verdict,
    isCanary: row.is_canary === 1,
    attempt: row.attempt,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as BulkOutcome),
    failureClass: row.failure_class,
    queuedAt: row.queued_at,
    endedAt: row.ended_at,
  };
}

function countsOf(rows: CountRow[]): BulkCounts {
  const of = (state: BulkItemState, isCounted: (row: CountRow) => boolean = () => true) =>
    rows.reduce((sum, row) => (row.state === state && isCounted(row) ? sum + row.n : sum), 0);
  const classes = new Map<string, number>();
  for (const { failure_class: name, n } of rows) {
    if (name !== null) classes.set(name, (classes.get(name) ?? 0) + n);
  }
  return {
    waiting: of('PLANNED'),
    queued: of('QUEUED'),
    succeeded: of('DONE', (row) => row.failure_class === null),
    failed: of('DONE', (row) => row.failure_class !== null),
    refused: of('REFUSED'),
    skipped: of('SKIPPED'),
    byFailureClass: [...classes]
      .map(([failureClass, count]) => ({ failureClass, count }))
      .sort((a, b) => b.count - a.count),
  };
}
