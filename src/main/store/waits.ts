import type { Database } from 'better-sqlite3';
import type { HoldReason, WaitReason } from '../../shared/model/ordering.ts';
import type { LogRow } from './directory.ts';

/** Why a log's task waits, and for which log. */
export interface Wait {
  heldReason: WaitReason;
  /** The head's `log_id`. */
  waitsFor: string | null;
}

interface WaitRow {
  reason: HoldReason | null;
  held_by: string | null;
  behind: string | null;
  behind_held: string | null;
  behind_batch: string | null;
}

/**
 * What a log waits for in its ordering key, found out when somebody reads it: writing it down would
 * mean writing every follower whenever a head is held or released.
 */
export function createWaits(db: Database): (row: LogRow) => Wait | null {
  const find = db.prepare<[number], WaitRow>(
    `SELECT
       (SELECT h.reason FROM key_hold h WHERE h.lab_integration_id = t.lab_integration_id
          AND h.ordering_key = t.ordering_key) AS reason,
       (SELECT (SELECT l.log_id FROM log l WHERE l.log_seq = h.head_log_seq) FROM key_hold h
        WHERE h.lab_integration_id = t.lab_integration_id
          AND h.ordering_key = t.ordering_key) AS held_by,
       (SELECT (SELECT l.log_id FROM log l WHERE l.log_seq = b.log_seq) FROM task b
        WHERE b.lab_integration_id = t.lab_integration_id AND b.ordering_key = t.ordering_key
          AND b.state IN ('READY', 'CLAIMED', 'REPORTING')) AS behind,
       (SELECT (SELECT l.log_id FROM log l WHERE l.log_seq = b.log_seq) FROM task b
        WHERE b.lab_integration_id = t.lab_integration_id AND b.ordering_key = t.ordering_key
          AND b.state = 'HELD' AND b.task_id < t.task_id
        ORDER BY b.task_id LIMIT 1) AS behind_held,
       (SELECT (SELECT l.log_id FROM log l WHERE l.log_seq = b.log_seq) FROM task b
        WHERE b.lab_integration_id = t.lab_integration_id AND b.ordering_key = t.ordering_key
          AND b.state = 'RECEIVING' AND b.task_id < t.task_id
        ORDER BY b.task_id LIMIT 1) AS behind_batch
     FROM task t WHERE t.log_seq = ? AND t.state = 'WAITING'`,
  );
  const isReceiving = db.prepare<[number]>(
    `SELECT 1 FROM task WHERE log_seq = ? AND state = 'RECEIVING'`,
  );
  return (row) => {
    const mayArrive = row['batch_id'] !== null && row['status'] === 'PENDING';
    if (mayArrive && isReceiving.get(row.log_seq) !== undefined) {
      return { heldReason: 'BATCH_RECEIVING', waitsFor: null };
    }
    // Most logs have no key and cost nothing here; one that is held for another reason says that.
    if (row['ordering_key'] === null || row['held_reason'] !== null) return null;
    const wait = find.get(row.log_seq);
    if (!wait) return null;
    const { reason, held_by, behind, behind_held, behind_batch } = wait;
    if (reason !== null) return { heldReason: reason, waitsFor: held_by };
    // Those that are held need somebody to let them go, so they are told before one under way.
    if (behind_held !== null) return { heldReason: 'BEHIND_HELD', waitsFor: behind_held };
    if (behind_batch !== null && behind === null) {
      return { heldReason: 'BATCH_RECEIVING', waitsFor: behind_batch };
    }
    return { heldReason: 'BEHIND_HEAD', waitsFor: behind };
  };
}
