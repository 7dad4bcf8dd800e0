import type { Database } from 'better-sqlite3';
import {
  type BreakerRecord,
  type BreakerSet,
  type SetBreaker,
  WAITING_COUNTED,
} from '../../shared/model/breaker.ts';
import { createRecovered, type Released } from './recovered.ts';

/** Reads how breakers stand; without an id all that are open or have failures in a row. */
function createReadBreakers(db: Database) {
  const waiting = (state: string) =>
    `(SELECT count(*) FROM (SELECT 1 FROM task t WHERE t.state = '${state}'
       AND t.lab_integration_id = i.lab_integration_id LIMIT ${WAITING_COUNTED}))`;
  const columns = `i.lab_integration_id AS labIntegrationId, i.name, coalesce(s.failures, 0) AS failures,
    s.open_reason AS openReason, s.opened_at AS openedAt, s.opened_by AS openedBy,
    s.open_note AS openNote, CASE s.open_reason WHEN 'BY_HAND' THEN NULL ELSE s.probe_at END AS probeAt,
    min(${waiting('READY')} + ${waiting('SCHEDULED')}, ${WAITING_COUNTED}) AS waiting`;
  const one = db.prepare<[number], BreakerRecord>(
    `SELECT ${columns} FROM lab_integration i
     LEFT JOIN integration_state s ON s.lab_integration_id = i.lab_integration_id
     WHERE i.lab_integration_id = ?`,
  );
  const all = db.prepare<[], BreakerRecord>(
    `SELECT ${columns} FROM integration_state s
     CROSS JOIN lab_integration i ON i.lab_integration_id = s.lab_integration_id
     WHERE s.opened_at IS NOT NULL OR s.failures > 0 ORDER BY s.lab_integration_id`,
  );
  return { one: (id: number) => one.get(id), all: () => all.all() };
}

/** How people open and close breakers. */
export function createBreakerCommands(db: Database) {
  const read = createReadBreakers(db);
  const recovered = createRecovered(db);
  const open = db.prepare<[SetBreaker]>(
    `INSERT INTO integration_state (lab_integration_id, opened_at, open_reason, probe_at, opened_by,
       open_note)
     VALUES (@labIntegrationId, @now, 'BY_HAND', @now, @actor, @note)
     ON CONFLICT (lab_integration_id) DO UPDATE SET opened_at = excluded.opened_at,
       open_reason = excluded.open_reason, probe_at = excluded.probe_at, probe_wait = NULL,
       opened_by = excluded.opened_by, open_note = excluded.open_note`,
  );
  const close = db.prepare<[number]>(
    `UPDATE integration_state SET failures = 0, opened_at = NULL, open_reason = NULL, probe_at = NULL,
       probe_wait = NULL, opened_by = NULL, open_note = NULL
     WHERE lab_integration_id = ?`,
  );

  return {
    /** Ends the waits of a chunk of what is scheduled for endpoints that have recovered. */
    releaseRecovered(request: { limit: number }): Released {
      return recovered.release(request);
    },

    /**
     * Opens or closes a breaker by hand. One that a person has opened already keeps their name and
     * words; one that has opened by itself is theirs from now on.
     */
    setBreaker(request: SetBreaker): BreakerSet {
      const { labIntegrationId, state, actor, note } = request;
      const before = read.one(labIntegrationId);
      if (!before) return { outcome: 'UNKNOWN_INTEGRATION' };
      const isSo = state === 'open' ? before.openReason === 'BY_HAND' : before.openReason === null;
      if (isSo) return { outcome: 'UNCHANGED', breaker: before };
      if (state === 'open') {
        open.run(request);
      } else {
        close.run(labIntegrationId);
        recovered.note(labIntegrationId, request.now);
      }
      const breaker = read.one(labIntegrationId) ?? before;
      const { failures } = breaker;
      const by = { actor, note };
      const change =
        state === 'open'
          ? ({ kind: 'OPENED', labIntegrationId, failures, reason: 'BY_HAND', by } as const)
          : ({ kind: 'CLOSED', labIntegrationId, failures, by } as const);
      return { outcome: 'CHANGED', breaker, change };
    },
  };
}

/** What is asked about breakers. */
export function createBreakerQueries(db: Database) {
  const read = createReadBreakers(db);
  return {
    /** Those that are open or have failures in a row. */
    listBreakers(): BreakerRecord[] {
      return read.all();
    },
  };
}
