import type { Database } from 'better-sqlite3';
import {
  type HeldLease,
  type Lease,
  type LeaseFigures,
  leaseOwner,
} from '../../shared/model/lease.ts';
import { createReadTask } from './claimed-tasks.ts';
import { ROUTINE, STAT } from './task-priority.ts';

/** GLOB of `claimed_by` where an outside worker holds a task. */
export const LEASED = 'lease:*';

/** A task that an outside worker holds. */
export interface LeasedRow {
  task_id: number;
  log_seq: number;
  lab_integration_id: number;
  attempt: number;
  claimed_by: string;
  lease_until: number;
  stamped_at: number | null;
}

/** Finds the task that a lease holds; `ofLog`: that any lease holds. */
export function createFindLease(db: Database) {
  const logSeq = db.prepare<[string], number>('SELECT log_seq FROM log WHERE log_id = ?').pluck();
  const task = db.prepare<[number], LeasedRow>(
    `SELECT task_id, log_seq, lab_integration_id, attempt, claimed_by, lease_until, stamped_at
     FROM task WHERE log_seq = ? AND state = 'CLAIMED' AND claimed_by GLOB '${LEASED}'`,
  );
  const ofLog = (logId: string): LeasedRow | undefined => {
    const seq = logSeq.get(logId);
    return seq === undefined ? undefined : task.get(seq);
  };
  const find = ({ logId, attempt, token }: Lease): LeasedRow | undefined => {
    const row = ofLog(logId);
    const isHeld = row?.attempt === attempt && row.claimed_by.startsWith(leaseOwner(token, ''));
    return isHeld ? row : undefined;
  };
  return Object.assign(find, { ofLog });
}

/** What is asked about leases. */
export function createLeaseQueries(db: Database) {
  const find = createFindLease(db);
  const read = createReadTask(db);
  const oldest = (priority: number) =>
    `(SELECT due_at FROM task WHERE state = 'READY' AND lab_integration_id = i.lab_integration_id
      AND priority = ${priority} ORDER BY task_id LIMIT 1)`;
  const held = (stamped: string) =>
    `(SELECT count(*) FROM task WHERE state = 'CLAIMED' AND lab_integration_id = i.lab_integration_id
      AND claimed_by GLOB '${LEASED}' AND stamped_at IS ${stamped})`;
  const figures = db.prepare<[], LeaseFigures>(
    `SELECT i.lab_integration_id AS labIntegrationId,
       (SELECT count(*) FROM task WHERE state = 'READY'
          AND lab_integration_id = i.lab_integration_id) AS ready,
       coalesce(min(${oldest(STAT)}, ${oldest(ROUTINE)}), ${oldest(STAT)}, ${oldest(ROUTINE)})
         AS oldestReadyAt,
       ${held('NULL')} AS leased, ${held('NOT NULL')} AS started
     FROM lab_integration i WHERE i.is_active = 1 AND i.executor = 'external'
     ORDER BY i.lab_integration_id`,
  );
  return {
    leaseFigures(): LeaseFigures[] {
      return figures.all();
    },

    /** The task that a lease holds; null where it holds none. */
    leasedTask(lease: Lease): HeldLease | null {
      const row = find(lease);
      if (!row) return null;
      return {
        task: read(row.task_id),
        leaseUntil: row.lease_until,
        stampedAt: row.stamped_at,
      };
    },
  };
}
