import type {
  BulkAct,
  BulkOptions,
  BulkPlan,
  BulkRetry,
  BulkRetryState,
  BulkStop,
} from '../../shared/model/bulk-retry.ts';

/** A row of `bulk_retry`, without its selection. */
export interface BulkRetryRow {
  bulk_retry_seq: number;
  bulk_retry_id: string;
  state: BulkRetryState;
  options: string;
  reason: string | null;
  actor: string;
  total: number;
  plan: string | null;
  stop: string | null;
  acts: string;
  created_at: number;
  started_at: number | null;
  started_by: string | null;
  ended_at: number | null;
}

/** Its columns. */
export const BULK_RETRY_COLUMNS = `bulk_retry_seq, bulk_retry_id, state, options, reason, actor, total,
  plan, stop, acts, created_at, started_at, started_by, ended_at`;

export function bulkRetryOf(row: BulkRetryRow): BulkRetry {
  return {
    bulkRetrySeq: row.bulk_retry_seq,
    bulkRetryId: row.bulk_retry_id,
    state: row.state,
    options: JSON.parse(row.options) as BulkOptions,
    reason: row.reason,
    actor: row.actor,
    total: row.total,
    plan: row.plan === null ? null : (JSON.parse(row.plan) as BulkPlan),
    stop: row.stop === null ? null : (JSON.parse(row.stop) as BulkStop),
    acts: JSON.parse(row.acts) as BulkAct[],
    createdAt: row.created_at,
    startedAt: row.started_at,
    startedBy: row.started_by,
    endedAt: row.ended_at,
  };
}
