import type { Database, Statement } from 'better-sqlite3';
import { PROBE_EVERY_MS } from '../../shared/model/breaker.ts';
import { FREE_TOKENS } from './rate-limit.ts';
import { STAT } from './task-priority.ts';

/**
 * One claim. The integrations with ready tasks are found by skipping through the ready index; each
 * has room for its concurrency less what is claimed, and no more than its rate allows. One whose
 * waiting tasks are just being held or released has none, nor has one that a person has stopped
 * (breaker opened by hand); one whose circuit breaker is open otherwise has room for a single probe,
 * when that is due or, since the clock was set back, further away than it can be. STAT and routine tasks of an integration are two lanes, the second with the room that the first
 * leaves.
 *
 * The lanes are merged: STAT first, then what has fewer under way, then by turns from where the
 * last claim ended. So an integration with a hundred thousand waiting neither starves the others
 * nor costs more to claim from than one with ten, and however many there are, each gets its turn.
 *
 * Only picked rows are touched: the recursion's ORDER BY makes its queue a priority queue, its LIMIT
 * ends it, and each step is one seek, since a lane fixes every column of the index but the last.
 * Ordering keys cost nothing here: what is behind another of its key is not ready.
 *
 * The limits are expressions because SQLite (built with STAT4) compiles a statement anew at each run
 * whose LIMIT is a bare parameter, which took four times as long as the claim itself.
 */
const claimOf = (executor: string) => `
WITH RECURSIVE
waiting (id) AS (
  SELECT min(lab_integration_id) FROM task WHERE state = 'READY'
  UNION ALL
  SELECT (SELECT min(t.lab_integration_id) FROM task t
          WHERE t.state = 'READY' AND t.lab_integration_id > waiting.id)
  FROM waiting WHERE waiting.id IS NOT NULL
),
busy (id, claimed) AS MATERIALIZED (
  SELECT waiting.id,
    (SELECT count(*) FROM task c WHERE c.state = 'CLAIMED' AND c.lab_integration_id = waiting.id)
  FROM waiting WHERE waiting.id IS NOT NULL
),
room (id, claimed, free) AS MATERIALIZED (
  SELECT busy.id, busy.claimed, min(
    CASE
      WHEN s.waiting_action IS NOT NULL THEN 0
      WHEN s.open_reason = 'BY_HAND' THEN 0
      WHEN s.opened_at IS NOT NULL THEN busy.claimed = 0 AND (s.probe_at <= @now
        OR s.probe_at > @now + coalesce(s.probe_wait, ${PROBE_EVERY_MS}))
      ELSE i.max_concurrency - busy.claimed
    END,
    CASE WHEN i.rate_per_minute IS NULL THEN i.max_concurrency ELSE ${FREE_TOKENS} END)
  FROM busy CROSS JOIN lab_integration i ON i.lab_integration_id = busy.id
  LEFT JOIN integration_state s ON s.lab_integration_id = i.lab_integration_id
  WHERE i.is_active = 1 AND ${executor}
),
lane (id, priority, claimed, free) AS MATERIALIZED (
  SELECT id, 0, claimed, free FROM room
  UNION ALL
  SELECT id, 1, claimed, free - (SELECT count(*) FROM (
    SELECT 1 FROM task s WHERE s.state = 'READY' AND s.lab_integration_id = room.id AND s.priority = 0
    LIMIT (@limit | 0)))
  FROM room
),
pick (task_id, priority, place, is_behind, lane, last) AS (
  SELECT t.task_id, lane.priority, lane.claimed + 1, lane.id <= @after, lane.id,
    lane.claimed + lane.free
  FROM lane CROSS JOIN task t ON t.task_id = (
    SELECT min(n.task_id) FROM task n WHERE n.state = 'READY' AND n.lab_integration_id = lane.id
      AND n.priority = lane.priority)
  WHERE lane.free > 0
  UNION ALL
  SELECT t.task_id, pick.priority, pick.place + 1, pick.is_behind, pick.lane, pick.last
  FROM pick CROSS JOIN task t ON t.task_id = (
    SELECT min(n.task_id) FROM task n WHERE n.state = 'READY' AND n.lab_integration_id = pick.lane
      AND n.priority = pick.priority AND n.task_id > pick.task_id)
  WHERE pick.place < pick.last
  ORDER BY 2, 3, 4, 5
  LIMIT (@limit | 0)
)
UPDATE task SET state = 'CLAIMED', claimed_by = @worker, lease_until = @leaseUntil
WHERE task_id IN (SELECT task_id FROM pick)
RETURNING task_id, lab_integration_id, priority`;

/** Our own dispatcher's claim. */
export const CLAIM = claimOf(`i.executor = 'local'`);

/** An outside worker's, which may ask for one integration alone. */
export const LEASE = claimOf(
  `i.executor = 'external' AND (@integration IS NULL OR i.lab_integration_id = @integration)`,
);

/** What a claim asks for; times in epoch milliseconds. */
export interface ClaimRequest {
  worker: string;
  limit: number;
  leaseUntil: number;
  now: number;
}

/** As {@link ClaimRequest}, by an outside worker; `integration` null: of any that is external. */
interface LeaseRequest extends ClaimRequest {
  integration: number | null;
}

interface Claimed {
  task_id: number;
  lab_integration_id: number;
  priority: number;
}

/** Claims tasks by {@link CLAIM}. @returns their ids, in no promised order */
export function createClaim(db: Database): (request: ClaimRequest) => number[] {
  return byTurns(db.prepare(CLAIM));
}

/** Claims tasks by {@link LEASE}; the turns of outside workers are their own. */
export function createLeaseClaim(db: Database): (request: LeaseRequest) => number[] {
  return byTurns(db.prepare(LEASE));
}

function byTurns<R extends ClaimRequest>(
  claim: Statement<[R & { after: number }], Claimed>,
): (request: R) => number[] {
  /** The integration that was last in its turn; a restart may begin anew. */
  let after = 0;
  return (request) => {
    const claimed = claim.all({ ...request, after });
    // Where routine tasks were reached, all that is STAT has had its turn.
    const routine = claimed.filter(({ priority }) => priority !== STAT);
    const turns = (routine.length > 0 ? routine : claimed).map((row) => row.lab_integration_id);
    const behind = turns.filter((id) => id <= after);
    // What is behind comes last, so where any of it was reached, the turn ends there.
    if (turns.length > 0) after = Math.max(...(behind.length > 0 ? behind : turns));
    return claimed.map(({ task_id }) => task_id);
  };
}
