import type { Database } from 'better-sqlite3';
import {
  askedToWait,
  type BreakerChange,
  type BreakerState,
  HEALTHY,
  nextBreakerState,
  type OpenReason,
  PROBE_EVERY_MS,
  senseOf,
} from '../../shared/model/breaker.ts';
import type { AttemptReport } from '../../shared/model/delivery.ts';
import { createRecovered } from './recovered.ts';

interface StateRow {
  failures: number;
  opened_at: number | null;
  open_reason: OpenReason | null;
  probe_at: number | null;
  probe_wait: number | null;
}

/** Keeps how integrations fare, inside the transaction that settles their attempts. */
export interface Breaker {
  /** Takes in the outcome of an attempt of ours. @returns what people are to be told, if anything */
  take(labIntegrationId: number, report: AttemptReport): BreakerChange | null;
  /** When the next probe may go that something waits for; null: none, or one may go now. */
  nextProbeAt(now: number): number | null;
}

/**
 * A row is written for failures, and for the success that ends them; a success among successes costs
 * one look-up by key.
 */
export function createBreaker(db: Database): Breaker {
  const read = db.prepare<[number], StateRow>(
    `SELECT failures, opened_at, open_reason, probe_at, probe_wait FROM integration_state
     WHERE lab_integration_id = ?`,
  );
  const write = db.prepare(
    `INSERT INTO integration_state (lab_integration_id, failures, opened_at, open_reason, probe_at,
       probe_wait)
     VALUES (@labIntegrationId, @failures, @openedAt, @reason, @probeAt, @probeWait)
     ON CONFLICT (lab_integration_id) DO UPDATE SET failures = excluded.failures,
       opened_at = excluded.opened_at, open_reason = excluded.open_reason,
       probe_at = excluded.probe_at, probe_wait = excluded.probe_wait`,
  );
  const nextProbe = db
    .prepare<[number], number | null>(
      `SELECT min(s.probe_at) FROM integration_state s
       CROSS JOIN lab_integration i ON i.lab_integration_id = s.lab_integration_id
       WHERE s.opened_at IS NOT NULL AND s.open_reason <> 'BY_HAND' AND s.probe_at > ?
         AND s.waiting_action IS NULL
         AND i.is_active = 1 AND i.executor = 'local' AND EXISTS (SELECT 1 FROM task t WHERE t.state = 'READY'
           AND t.lab_integration_id = s.lab_integration_id)`,
    )
    .pluck();
  const mayWait = db
    .prepare<[number], number>(
      'SELECT is_retry_enabled FROM lab_integration WHERE lab_integration_id = ?',
    )
    .pluck();

  const recovered = createRecovered(db);

  return {
    nextProbeAt: (now) => nextProbe.get(now) ?? null,

    take(labIntegrationId, report) {
      const sense = senseOf(report);
      if (sense === 'SILENT') return null;
      const before = stateOf(read.get(labIntegrationId));
      if (sense === 'UP' && before === HEALTHY) return null;
      const isWaitedFor = sense === 'DOWN' || sense === 'UNFIT';
      const waits = isWaitedFor && mayWait.get(labIntegrationId) === 1;
      const { state, change } = nextBreakerState(
        before,
        sense,
        waits,
        report.activityDate,
        askedToWait(report),
      );
      if (state === before) return null;
      write.run({
        labIntegrationId,
        failures: state.failures,
        openedAt: state.open?.since ?? null,
        reason: state.open?.reason ?? null,
        probeAt: state.open?.probeAt ?? null,
        probeWait: state.open?.probeWait ?? null,
      });
      if (change === 'CLOSED') recovered.note(labIntegrationId, report.activityDate);
      const { failures, open } = state;
      if (change === null) return null;
      return change === 'OPENED'
        ? { kind: change, labIntegrationId, failures, reason: open?.reason ?? 'BREAKER' }
        : { kind: change, labIntegrationId, failures };
    },
  };
}

function stateOf(row: StateRow | undefined): BreakerState {
  if (!row || (row.failures === 0 && row.opened_at === null)) return HEALTHY;
  const { failures, opened_at: since, open_reason: reason } = row;
  if (since === null || reason === null) return { failures, open: null };
  const probe = { probeAt: row.probe_at ?? since, probeWait: row.probe_wait ?? PROBE_EVERY_MS };
  return { failures, open: { reason, since, ...probe } };
}

/** A rule or its credentials were changed: what is open is tried at once, unless a person opened it. */
export function createProbeNow(db: Database) {
  const ofRule = db.prepare<[number, number]>(
    `UPDATE integration_state SET probe_at = ?
     WHERE lab_integration_id = ? AND opened_at IS NOT NULL AND open_reason <> 'BY_HAND'`,
  );
  const ofAuthentication = db.prepare<[number, number]>(
    `UPDATE integration_state SET probe_at = ?
     WHERE opened_at IS NOT NULL AND open_reason <> 'BY_HAND' AND lab_integration_id IN (
       SELECT lab_integration_id FROM lab_integration WHERE developer_authentication_id = ?)`,
  );
  return {
    rule: (labIntegrationId: number, now: number) => void ofRule.run(now, labIntegrationId),
    authentication: (id: number, now: number) => void ofAuthentication.run(now, id),
  };
}
