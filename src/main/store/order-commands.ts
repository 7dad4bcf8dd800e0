import type { Database } from 'better-sqlite3';
import {
  DELIVER_SOON_MS,
  type KeyRelease,
  type KeyWentOn,
  type OrderTended,
} from '../../shared/model/ordering.ts';
import type { Hold, Key, Ordering } from './ordering.ts';
import { HOLDS_AFTER_RECOVERY_MS } from './recovered.ts';

/** Holds and deadlines dealt with at a time; the next round comes within a second. */
const AT_ONCE = 500;

/** What people and the clock do to ordering keys and deadlines. */
export function createOrderCommands(db: Database, ordering: Ordering) {
  // Those lifted already are not in its index, however many are late.
  const soon = db.prepare<[number], { lab_integration_id: number; ordering_key: string | null }>(
    `UPDATE task SET priority = 0 WHERE task_id IN (
       SELECT task_id FROM task INDEXED BY task_to_lift
       WHERE deliver_by IS NOT NULL AND priority = 1 AND deliver_by <= ?
       ORDER BY deliver_by LIMIT ${AT_ONCE})
     RETURNING lab_integration_id, ordering_key`,
  );
  const logById = db.prepare<
    [string],
    { log_seq: number; lab_integration_id: number | null; ordering_key: string | null }
  >('SELECT log_seq, lab_integration_id, ordering_key FROM log WHERE log_id = ?');
  const logId = db.prepare<[number], string>('SELECT log_id FROM log WHERE log_seq = ?').pluck();
  const note = db.prepare<[number, number, string, string]>(
    `INSERT INTO activity (log_seq, at, actor, kind, note) VALUES (?, ?, ?, 'KEY_RELEASED', ?)`,
  );

  const isOpen = db
    .prepare<[number], number>(
      `SELECT 1 FROM integration_state WHERE lab_integration_id = ? AND opened_at IS NOT NULL`,
    )
    .pluck();
  const postpone = db.prepare<[Key & { until: number }]>(
    `UPDATE key_hold SET release_at = @until
     WHERE lab_integration_id = @integration AND ordering_key = @key`,
  );

  /**
   * Whether a hold goes on since its integration's breaker is open: the followers could not leave
   * anyway, and would be before their head when the partner is back.
   */
  const goesOn = ({ integration, key }: Hold, now: number): boolean => {
    if (isOpen.get(integration) === undefined) return false;
    postpone.run({ integration, key, until: now + HOLDS_AFTER_RECOVERY_MS });
    return true;
  };

  return {
    /** Releases the followers of heads that stayed in doubt, and lifts what is to be delivered soon. */
    tendOrder({ now }: { now: number }): OrderTended {
      const urgent = new Set<number>();
      const expired = ordering.expired(now, AT_ONCE).flatMap((hold) => {
        if (goesOn(hold, now)) return [];
        const { waiting, wentOn } = ordering.release(hold);
        if (wentOn?.priority === 'STAT') urgent.add(wentOn.labIntegrationId);
        // Nobody waited, so nobody need be told.
        if (waiting === 0) return [];
        note.run(hold.headLogSeq, now, 'LabRelay', expiryNote(waiting));
        return [
          {
            logId: logId.get(hold.headLogSeq) ?? '',
            labIntegrationId: hold.integration,
            waiting,
          },
        ];
      });
      // Once each, however many of a key are due: a lift goes through the whole key.
      const keys = new Map<string, Key>();
      for (const task of soon.all(now + DELIVER_SOON_MS)) {
        const { lab_integration_id: integration, ordering_key: key } = task;
        urgent.add(integration);
        if (key !== null) keys.set(`${integration} ${key}`, { integration, key });
      }
      for (const key of keys.values()) ordering.lift(key);
      return { expired, urgent: [...urgent] };
    },

    /** Lets the followers of a held head go; `logId` is the head's, or that of any of its key. */
    releaseOrderingKey(request: {
      logId: string;
      reason: string;
      actor: string;
      now: number;
    }): KeyRelease {
      const log = logById.get(request.logId);
      if (!log) return { outcome: 'UNKNOWN_LOG' };
      const { lab_integration_id: integration, ordering_key: key } = log;
      const hold =
        integration === null || key === null ? null : ordering.holdOn({ integration, key });
      if (!hold) return { outcome: 'NOT_HELD' };
      const { waiting, wentOn } = ordering.release(hold);
      note.run(hold.headLogSeq, request.now, request.actor, request.reason);
      const headLogId = logId.get(hold.headLogSeq) ?? '';
      return { outcome: 'RELEASED', headLogId, waiting, wentOn };
    },
  };
}

function expiryNote(waiting: number): string {
  const those = waiting === 1 ? 'one delivery' : `${waiting} deliveries`;
  return `Not settled after 30 minutes: ${those} of its ordering key no longer wait for it.`;
}

/**
 * Ends the hold behind a head that somebody has settled, by a report or by hand.
 * @returns what has become ready so
 */
export function liftHoldOf(ordering: Ordering, headLogSeq: number): KeyWentOn | null {
  const hold = ordering.holdOf(headLogSeq);
  return hold && ordering.release(hold).wentOn;
}
