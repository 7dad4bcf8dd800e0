import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { BREAKER_WARNS_AT } from '../../shared/model/breaker.ts';
import type { BreakerFigures, OrderFigures, StoreFigures } from '../../shared/model/health.ts';
import type { HoldReason } from '../../shared/model/ordering.ts';
import { CALL_ERROR_KINDS } from '../../shared/model/vocabulary.ts';
import { createNextRetryAt } from './scheduled-tasks.ts';
import { snapshot } from './snapshot.ts';

/** Counts for health and metrics. */
export function createFigureQueries(db: Database) {
  const byStatus = db.prepare<[], { status: string; n: number }>(
    `SELECT status, count(*) AS n FROM log WHERE status <> 'SUCCESS' GROUP BY status`,
  );
  const all = db.prepare<[], number>('SELECT count(*) FROM log').pluck();
  // Every delivery has an integration and no call has: its index holds the deliveries alone.
  const deliveries = db
    .prepare<[], number>(
      `SELECT count(*) FROM log INDEXED BY log_by_integration
       WHERE lab_integration_id IS NOT NULL`,
    )
    .pluck();
  // A call that was not answered as asked has one of its own error kinds, and no delivery has.
  const failedCalls = db
    .prepare<string[], number>(
      `SELECT count(*) FROM log INDEXED BY log_by_error
       WHERE error_kind IN (${CALL_ERROR_KINDS.map(() => '?').join(', ')})`,
    )
    .pluck();
  const byState = db.prepare<[], { state: string; n: number }>(
    'SELECT state, count(*) AS n FROM task GROUP BY state',
  );
  const behindBreakers = db
    .prepare<[], number>(
      `SELECT count(*) FROM task WHERE state = 'READY' AND lab_integration_id IN (
         SELECT lab_integration_id FROM integration_state WHERE opened_at IS NOT NULL)`,
    )
    .pluck();
  const breakers = db.prepare<[number], BreakerFigures>(
    `SELECT lab_integration_id AS labIntegrationId, failures, open_reason AS openReason,
       opened_at AS openedAt, opened_by AS openedBy, open_note AS openNote FROM integration_state
     WHERE opened_at IS NOT NULL OR failures >= ? ORDER BY lab_integration_id`,
  );
  const failed = db
    .prepare<[], number>('SELECT count(*) FROM failed_task WHERE requeued_at IS NULL')
    .pluck();
  // Finished ones are counted by nobody: they would only grow.
  const batches = db.prepare<[], { state: string; n: number }>(
    `SELECT state, count(*) AS n FROM batch
     WHERE state IN ('RECEIVING', 'BUILDING', 'RELEASING', 'CANCELLING') GROUP BY state
     UNION ALL
     SELECT 'OPEN', count(*) FROM (
       SELECT DISTINCT batch_seq FROM task WHERE batch_seq IS NOT NULL) t
     CROSS JOIN batch b ON b.batch_seq = t.batch_seq WHERE b.state = 'OPEN'`,
  );
  const oldest = db
    .prepare<[], number | null>(
      "SELECT min(due_at) FROM task WHERE state IN ('READY', 'WAITING', 'CLAIMED')",
    )
    .pluck();
  const holds = db.prepare<[], { reason: HoldReason; n: number }>(
    'SELECT reason, count(*) AS n FROM key_hold GROUP BY reason',
  );
  const exhausted = db
    .prepare<[], number>(
      `SELECT count(*) FROM log INDEXED BY log_retrying
       WHERE retry_state = 'EXHAUSTED' AND retry_state IN ('SCHEDULED', 'RUNNING', 'EXHAUSTED')`,
    )
    .pluck();
  const nextRetryAt = createNextRetryAt(db);
  const overdue = db
    .prepare<[number], number>(
      'SELECT count(*) FROM task WHERE deliver_by IS NOT NULL AND deliver_by < ?',
    )
    .pluck();

  /** What waits for an endpoint is told apart from what is due. */
  const tasksByState = (): Record<string, number> => {
    const counts = Object.fromEntries(byState.all().map(({ state, n }) => [state, n]));
    const waiting = behindBreakers.get() ?? 0;
    if (waiting === 0) return counts;
    const { READY: ready = 0, ...rest } = counts;
    const due = Math.max(0, ready - waiting);
    return { ...rest, ...(due > 0 ? { READY: due } : {}), WAITING_FOR_ENDPOINT: waiting };
  };

  /** How many logs of each direction there are by status; read off indexes alone. */
  const logsByStatus = (): Pick<StoreFigures, 'logsByStatus' | 'inboundByStatus'> => {
    const outbound = deliveries.get() ?? 0;
    const inbound = (all.get() ?? 0) - outbound;
    const refused = failedCalls.get(...CALL_ERROR_KINDS) ?? 0;
    const counts = Object.fromEntries(byStatus.all().map(({ status, n }) => [status, n]));
    const { FAIL: fail = 0, ...others } = counts;
    const unsuccessful = { ...others, ...(fail > refused ? { FAIL: fail - refused } : {}) };
    const open = Object.values(unsuccessful).reduce((sum, n) => sum + n, 0);
    return {
      // Successes are most rows and have no index of their own: they are what is left.
      logsByStatus: { ...unsuccessful, SUCCESS: outbound - open },
      inboundByStatus: { SUCCESS: inbound - refused, ...(refused > 0 ? { FAIL: refused } : {}) },
    };
  };

  return {
    // One snapshot: what is left is reckoned from several counts.
    figures: snapshot(
      db,
      (): StoreFigures => ({
        schemaVersion: db.pragma('user_version', { simple: true }) as number,
        ...logsByStatus(),
        tasksByState: tasksByState(),
        breakers: breakers.all(BREAKER_WARNS_AT[0] ?? 0),
        failedTasks: failed.get() ?? 0,
        exhausted: exhausted.get() ?? 0,
        nextRetryAt: nextRetryAt(),
        batchesByState: Object.fromEntries(batches.all().map(({ state, n }) => [state, n])),
        oldestTaskAt: oldest.get() ?? null,
        fileBytes: statSync(db.name).size,
      }),
    ),

    orderFigures({ now }: { now: number }): OrderFigures {
      const heldKeys = { HEAD_REFUSED: 0, HEAD_UNKNOWN: 0, HEAD_RETRYING: 0 };
      for (const { reason, n } of holds.all()) heldKeys[reason] = n;
      return { heldKeys, overdue: overdue.get(now) ?? 0 };
    },
  };
}
