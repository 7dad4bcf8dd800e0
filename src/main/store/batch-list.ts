import type { Database } from 'better-sqlite3';
import type {
  BatchProgress,
  BatchRecord,
  BatchSearch,
  BatchState,
  StoredBatchState,
} from '../../shared/model/batch.ts';
import type { LogStatus, RetryState } from '../../shared/model/vocabulary.ts';

interface BatchRow extends Omit<BatchRecord, 'state' | 'progress'> {
  stored: StoredBatchState;
  hasTasks: number;
}

const COLUMNS = `batch_seq AS batchSeq, batch_id AS batchId, state AS stored, route, lab_id AS labId,
  action_category AS actionCategory, triggered_by AS triggeredBy, records, accepted, rejected,
  received_at AS receivedAt, opened_at AS openedAt, cancelled_at AS cancelledAt,
  cancelled_by AS cancelledBy, cancel_reason AS cancelReason,
  EXISTS (SELECT 1 FROM task t WHERE t.batch_seq = batch.batch_seq) AS hasTasks`;

/** What people's words for a batch's state ask of the stored one. */
const STATES: Record<BatchState, string> = {
  RECEIVING: `state IN ('RECEIVING', 'BUILDING')`,
  OPEN: `(state = 'RELEASING' OR (state = 'OPEN' AND
    EXISTS (SELECT 1 FROM task t WHERE t.batch_seq = batch.batch_seq)))`,
  DONE: `state = 'OPEN' AND
    NOT EXISTS (SELECT 1 FROM task t WHERE t.batch_seq = batch.batch_seq)`,
  CANCELLED: `state IN ('CANCELLING', 'CANCELLED')`,
  DROPPED: `state = 'DROPPED'`,
};

function stateOf(stored: StoredBatchState, hasTasks: boolean): BatchState {
  switch (stored) {
    case 'RECEIVING':
    case 'BUILDING':
      return 'RECEIVING';
    case 'RELEASING':
      return 'OPEN';
    case 'OPEN':
      return hasTasks ? 'OPEN' : 'DONE';
    case 'CANCELLING':
    case 'CANCELLED':
      return 'CANCELLED';
    case 'DROPPED':
      return 'DROPPED';
  }
}

type Counter = keyof BatchProgress;

/** Where a log counts, told from what the batch's index holds of it. */
function counterOf(status: LogStatus, retryState: RetryState): Counter {
  switch (status) {
    case 'PENDING':
      return 'queued';
    case 'QUEUED':
    case 'SUCCESS':
      return 'sent';
    case 'SUPPRESSED':
      return 'suppressed';
    case 'FAIL':
      return counterOfFailed(retryState);
  }
}

function counterOfFailed(retryState: RetryState): Counter {
  switch (retryState) {
    case 'SCHEDULED':
    case 'RUNNING':
    case 'HELD':
      return 'queued';
    case 'CANCELLED':
      return 'cancelled';
    case 'NONE':
    case 'EXHAUSTED':
      return 'failed';
  }
}

/** Batches as people read them. */
export function createBatchListQueries(db: Database) {
  const byId = db.prepare<[string], BatchRow>(`SELECT ${COLUMNS} FROM batch WHERE batch_id = ?`);
  const counts = db.prepare<[string], { status: LogStatus; retryState: RetryState; n: number }>(
    `SELECT status, retry_state AS retryState, count(*) AS n FROM log INDEXED BY log_of_batch
     WHERE batch_id = ? AND direction = 'OUTBOUND' GROUP BY status, retry_state`,
  );
  const list = (state: string) =>
    db.prepare<[{ beforeSeq: number | null; labId: number | null; limit: number }], BatchRow>(
      `SELECT ${COLUMNS} FROM batch
       WHERE batch_seq < coalesce(@beforeSeq, 9e18) AND (@labId IS NULL OR lab_id = @labId)
         AND ${state} ORDER BY batch_seq DESC LIMIT @limit`,
    );
  const all = list('true');
  const inState = Object.fromEntries(
    Object.entries(STATES).map(([state, condition]) => [state, list(condition)]),
  ) as Record<BatchState, typeof all>;

  const record = ({ stored, hasTasks, ...row }: BatchRow): BatchRecord => {
    const progress: BatchProgress = { queued: 0, sent: 0, failed: 0, suppressed: 0, cancelled: 0 };
    for (const { status, retryState, n } of counts.all(row.batchId)) {
      progress[counterOf(status, retryState)] += n;
    }
    return { ...row, state: stateOf(stored, hasTasks === 1), progress };
  };

  return {
    /** Batches, the newest first. */
    listBatches({ state, ...search }: BatchSearch): BatchRecord[] {
      return (state === null ? all : inState[state]).all(search).map(record);
    },

    getBatch(batchId: string): BatchRecord | null {
      const row = byId.get(batchId);
      return row ? record(row) : null;
    },
  };
}
