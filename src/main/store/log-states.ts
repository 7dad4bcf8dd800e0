import type { Database } from 'better-sqlite3';
import type { LogSummary } from '../../shared/model/delivery.ts';
import type { LogState } from '../../shared/model/log-state.ts';
import { type LogRow, logSummary } from './directory.ts';
import { createEndpointWaits } from './endpoint-waits.ts';
import { snapshot } from './snapshot.ts';
import { createWaits } from './waits.ts';

/** One search by id for each entry of the list, whatever the statistics say. */
export const LOGS_BY_ID = `
SELECT log.* FROM json_each(?) AS wanted CROSS JOIN log ON log.log_id = wanted.value`;

/** Logs by their ids, many at a time: those that exist, in no promised order. */
export function createLogStateQueries(db: Database) {
  const find = db.prepare<[string], LogRow>(LOGS_BY_ID);
  const withWait = createEndpointWaits(db);
  const waits = createWaits(db);
  return {
    /** How they stand. */
    logStates: snapshot(db, (logIds: readonly string[]): LogState[] =>
      find.all(JSON.stringify(logIds)).map((read) => {
        const row = withWait(read);
        return {
          logId: row.log_id,
          direction: row['direction'],
          status: row['status'],
          certainty: row['certainty'],
          retryState: row['retry_state'],
          retryCount: row['retry_count'],
          nextRetryAt: row['next_retry_at'],
          heldReason: waits(row)?.heldReason ?? row['held_reason'],
          updatedAt: row['updated_at'],
          attempt: row['newest_attempt'],
        } as LogState;
      }),
    ),

    /** As lists show them. */
    logSummaries: snapshot(db, (logIds: readonly string[]): LogSummary[] =>
      find
        .all(JSON.stringify(logIds))
        .map((row) => ({ ...logSummary(withWait(row)), ...waits(row) })),
    ),
  };
}
