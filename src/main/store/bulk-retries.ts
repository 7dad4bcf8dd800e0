import type { Database } from 'better-sqlite3';
import {
  type BulkAct,
  type BulkActed,
  type BulkPlan,
  type BulkRetry,
  type BulkRetryAction,
  type BulkRetryState,
  type BulkStop,
  MAX_BULK_LOGS,
  type NewBulkRetry,
  type PlannedItem,
} from '../../shared/model/bulk-retry.ts';
import { lacksReason, stepOf } from '../../shared/model/bulk-retry-steps.ts';
import { createPlanCanariesAgain } from './bulk-canaries.ts';
import { BULK_RETRY_COLUMNS, type BulkRetryRow, bulkRetryOf } from './bulk-retry-rows.ts';

/** Acts that are kept of one bulk retry; the audit chain has them all. */
const ACTS_KEPT = 100;

/**
 * Bulk retries as they are planned, and set going and brought to a stand by people.
 *
 * Logs are found newest first and are to be sent oldest first, and how many there are is known only
 * with the last: so the newest has the position `MAX_BULK_LOGS`, and the one found after it the one
 * before.
 */
export function createBulkRetryCommands(db: Database) {
  const insert = db.prepare<[object]>(
    `INSERT INTO bulk_retry (bulk_retry_id, state, selection, options, reason, actor, created_at)
     VALUES (@bulkRetryId, 'PLANNING', @selection, @options, @reason, @actor, @now)`,
  );
  const lastLog = db.prepare<[], number>('SELECT coalesce(max(log_seq), 0) FROM log').pluck();
  const bySeq = db.prepare<[number], BulkRetryRow>(
    `SELECT ${BULK_RETRY_COLUMNS} FROM bulk_retry WHERE bulk_retry_seq = ?`,
  );
  const byId = db.prepare<[string], BulkRetryRow>(
    `SELECT ${BULK_RETRY_COLUMNS} FROM bulk_retry WHERE bulk_retry_id = ?`,
  );
  const cursorOf = db
    .prepare<[number], string | null>(
      `SELECT cursor FROM bulk_retry WHERE bulk_retry_seq = ? AND state = 'PLANNING'`,
    )
    .pluck();
  const insertItem = db.prepare<[object]>(
    `INSERT OR IGNORE INTO bulk_retry_item (bulk_retry_seq, position, log_seq, lab_integration_id,
       certainty, state, verdict)
     VALUES (@bulkRetrySeq, @position, @logSeq, @labIntegrationId, @certainty, @state, @verdict)`,
  );
  const planned = db.prepare<[object]>(
    'UPDATE bulk_retry SET cursor = @cursor, total = @total WHERE bulk_retry_seq = @bulkRetrySeq',
  );
  const setPlan = db.prepare<[object]>(
    `UPDATE bulk_retry SET plan = @plan, cursor = NULL, state = 'PLANNED'
     WHERE bulk_retry_seq = @bulkRetrySeq`,
  );
  const tooMany = db.prepare<[object]>(
    `UPDATE bulk_retry SET state = 'CANCELLED', stop = @stop WHERE bulk_retry_seq = @bulkRetrySeq`,
  );
  const setState = db.prepare<[object]>(
    `UPDATE bulk_retry SET state = @state, stop = coalesce(@stop, stop), acts = @acts,
       failures = CASE WHEN @isGoing = 1 THEN '{}' ELSE failures END,
       started_at = CASE WHEN @isGoing = 1 THEN coalesce(started_at, @now) ELSE started_at END,
       started_by = CASE WHEN @isGoing = 1 THEN coalesce(started_by, @actor) ELSE started_by END
     WHERE bulk_retry_seq = @bulkRetrySeq`,
  );

  const planCanariesAgain = createPlanCanariesAgain(db);

  const act = (
    bulk: BulkRetry,
    state: BulkRetryState,
    by: { actor: string; action: BulkRetryAction; reason: string | null; now: number },
    stop: BulkStop | null,
  ): void => {
    const { actor, action, reason, now } = by;
    const acts: BulkAct[] = [...bulk.acts, { at: now, actor, action, reason }];
    setState.run({
      bulkRetrySeq: bulk.bulkRetrySeq,
      state,
      stop: stop && JSON.stringify(stop),
      acts: JSON.stringify(acts.slice(-ACTS_KEPT)),
      isGoing: action === 'start' || action === 'resume' ? 1 : 0,
      actor,
      now,
    });
  };

  return {
    /** Keeps what is wanted; its logs are found afterwards. @returns its bulk_retry_seq */
    beginBulkRetry({ selection, options, ...rest }: NewBulkRetry): number {
      // Not by the time, which may have been set back since the logs were made.
      const bounds = selection.kind === 'FILTER' ? { lastLogSeq: lastLog.get() } : {};
      const { lastInsertRowid } = insert.run({
        ...rest,
        selection: JSON.stringify({ ...selection, ...bounds }),
        options: JSON.stringify(options),
      });
      return Number(lastInsertRowid);
    },

    /**
     * Keeps the next logs that were found, the newest first. They are kept once: a page that is kept
     * already, as `from` tells, is passed over.
     *
     * @param request.from where the finding stood before this page
     * @param request.to where it stands after it
     * @returns false where there is nothing to plan any more: it was cancelled, or has become too large
     */
    planBulkItems(request: {
      bulkRetrySeq: number;
      from: string | null;
      to: string;
      items: PlannedItem[];
      now: number;
    }): boolean {
      const { bulkRetrySeq, from, to, items, now } = request;
      const row = bySeq.get(bulkRetrySeq);
      if (row?.state !== 'PLANNING') return false;
      if (cursorOf.get(bulkRetrySeq) !== from) return true;
      let { total } = row;
      for (const item of items) {
        if (total === MAX_BULK_LOGS) {
          planned.run({ bulkRetrySeq, cursor: to, total });
          tooMany.run({ bulkRetrySeq, stop: JSON.stringify(tooManyLogs(now)) });
          return false;
        }
        const { changes } = insertItem.run({
          bulkRetrySeq,
          ...item,
          position: MAX_BULK_LOGS - total,
          state: item.verdict === null ? 'PLANNED' : 'REFUSED',
        });
        total += changes;
      }
      planned.run({ bulkRetrySeq, cursor: to, total });
      return true;
    },

    /**
     * Ends the planning with what was counted. One that is to start by itself is started, unless some
     * of it would be left out that a reason would bring in.
     */
    endBulkPlan(request: { bulkRetrySeq: number; plan: BulkPlan; now: number }): void {
      const { bulkRetrySeq, plan, now } = request;
      const row = bySeq.get(bulkRetrySeq);
      if (row?.state !== 'PLANNING') return;
      setPlan.run({ bulkRetrySeq, plan: JSON.stringify(plan) });
      const bulk = bulkRetryOf(row);
      if (!bulk.options.startsByItself || lacksReason(plan)) return;
      const step = stepOf('PLANNED', 'start', bulk.options.hasCanary);
      const by = { actor: bulk.actor, action: 'start', reason: null, now } as const;
      if (step.kind === 'GOES_TO') act(bulk, step.state, by, null);
    },

    /** An act of a person; only one of two that do the same at once has done it. */
    actOnBulkRetry(request: {
      bulkRetryId: string;
      action: BulkRetryAction;
      actor: string;
      reason: string | null;
      /** What the plan showed; null: it is not looked at. */
      expectedTotal: number | null;
      now: number;
    }): BulkActed {
      const row = byId.get(request.bulkRetryId);
      if (!row) return { outcome: 'NOT_FOUND' };
      const bulk = bulkRetryOf(row);
      const { action, actor, reason, expectedTotal, now } = request;
      const step = stepOf(bulk.state, action, bulk.options.hasCanary);
      if (step.kind !== 'GOES_TO') {
        return { outcome: 'REFUSED', state: bulk.state, step: step.kind };
      }
      if (expectedTotal !== null && expectedTotal !== bulk.total) {
        return { outcome: 'OTHER_TOTAL', total: bulk.total };
      }
      const paused = {
        why: 'BY_HAND',
        failureClass: null,
        count: null,
        at: now,
        by: actor,
        reason,
      };
      const stop = action === 'pause' ? (paused as BulkStop) : null;
      act(bulk, step.state, { actor, action, reason, now }, stop);
      if (action === 'resume') planCanariesAgain(bulk.bulkRetrySeq);
      return { outcome: 'DONE', bulkRetrySeq: bulk.bulkRetrySeq, state: step.state };
    },
  };
}

function tooManyLogs(at: number): BulkStop {
  return { why: 'TOO_MANY', failureClass: null, count: null, at, by: null, reason: null };
}
