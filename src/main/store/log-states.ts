import type { Database } from 'better-sqlite3';
import type { LogState } from '../../shared/model/log-state.ts';
import type { LogRow } from './directory.ts';
import { createEndpointWaits } from './endpoint-waits.ts';
import { snapshot } from './snapshot.ts';
import { createWaits } from './waits.ts';

/** One search by id for each entry of the list, whatever the statistics say. */
export const LOG_STATES = `
SELECT log.* FROM json_each(?) AS wanted CROSS JOIN log ON log.log_id = wanted.value`;

/** How logs stand, many at a time. */
export function createLogStateQueries(db: Database) {
  const find = db.prepare<[string], LogRow>(LOG_STATES);
  const withWait = createEndpointWaits(db);
  const waits = createWaits(db);
  return {
    /** Those of the logs that exist, in no promised order. */
    logStates: snapshot(db, (logIds: string[]): LogState[] =>
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
  };
}
