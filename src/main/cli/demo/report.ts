import type { Output } from '../../../shared/contract/index.ts';
import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { senseOf } from '../../../shared/model/breaker.ts';
import {
  type AppointmentStatus,
  LOG_STATUSES,
  type LogStatus,
} from '../../../shared/model/vocabulary.ts';
import { BATCH_CALLS, type BatchShown, type BatchTold, judgeBatch } from './batch.ts';
import { type CallsShown, judgeCalls } from './calls.ts';
import { type AppointmentsShown, judgeConfirmations } from './confirmations.ts';
import { type Health, laterTasks, openTasks } from './collect.ts';
import { judgeOutside, type OutsideShown } from './outside.ts';
import type { Expected } from './outcomes.ts';
import { judgeRetries, type RetriesShown } from './retries.ts';
import type { ScenesTold } from './retry-scenes.ts';
import type { PartnerSeen } from './partner.ts';
import { appliesTo, type DemoRule } from './rule.ts';
import { DEMO_RULES } from './rules.ts';
import type { Acknowledged, Traffic } from './traffic.ts';

/** What LabRelay is to do that this demo does not show yet. */
export const NOT_SHOWN = ['HL7 and Mirth'] as const;

/** What the demo learned, from three sides: lab system, engine, partner. */
export interface Findings {
  traffic: Traffic;
  /** Every log of this run, suppressed ones too. */
  logs: readonly LogSummaryDocument[];
  /** The log of every call into the engine. */
  calls: readonly LogSummaryDocument[];
  /** What confirmations have fired, by the log of the call. */
  fired: ReadonlyMap<string, readonly string[]>;
  /** Who made each delivery that is left to outside workers. */
  workers: ReadonlyMap<string, string | null>;
  /** Logs that keep a note of the third party's older half. */
  notes: readonly string[];
  /** The batch: as it was answered, and as it stands. */
  batch: { told: BatchTold; kept: Pick<Output<'getBatch'>, 'progress'> };
  /** The scenes of deliveries that fail at first. */
  retries: ScenesTold;
  health: Pick<Health, 'tasks_by_state'>;
  /** How this run's appointments stand. */
  appointments: Record<AppointmentStatus, number>;
  seen: PartnerSeen;
  /** Scenario by `lab_integration_id`. */
  scenarios: ReadonlyMap<number, string>;
  seconds: number;
}

/** How one integration's deliveries ended. */
export interface ScenarioResult {
  scenario: string;
  title: string;
  integration: string;
  /** Deliveries that its events called for. */
  expected_logs: number;
  logs: number;
  /** Counts by outcome, e.g. `FAIL REFUSED 422`. */
  outcomes: Record<string, number>;
  /** Logs that ended otherwise than they must, or that nothing called for. */
  unexpected: string[];
  as_expected: boolean;
}

/** The JSON document of `demo --json`. */
export interface DemoDocument {
  /** Acknowledged ones. */
  events: number;
  /** Events sent twice with one `Idempotency-Key`. */
  repeats: number;
  logs: Record<LogStatus, number>;
  receiver: {
    requests: number;
    unique_log_ids: number;
    turned_away: number;
    signatures_verified: number;
  };
  /** SUCCESS logs that the receiver never saw, and acknowledged deliveries without a log. */
  lost: number;
  lost_log_ids: string[];
  /** PENDING logs that wait for nothing on purpose, and due or claimed tasks. */
  unfinished: number;
  /** Tasks that wait for their time, or for an endpoint that cannot be reached. */
  scheduled: number;
  /** Logs whose confirmation is outstanding. */
  queued: number;
  /** Logs with more than one attempt. */
  retried: number;
  by_scenario: ScenarioResult[];
  appointments: AppointmentsShown;
  inbound: CallsShown;
  batch: BatchShown;
  outside_worker: OutsideShown;
  retries: RetriesShown;
  /** Reports of an older integration that are kept as notes, and changed nothing. */
  legacy_notes: number;
  /** Events and repeats that were not answered as they must be. */
  faults: string[];
  not_shown: readonly string[];
  seconds: number;
  /** Nothing lost, nothing unfinished, every scenario as expected. */
  ok: boolean;
}

/** Compares what was acknowledged, what the engine kept and what the partner saw. */
export function report(findings: Findings): DemoDocument {
  const { traffic, logs, health, seen, seconds } = findings;
  const confirmations = judgeConfirmations(
    seen.confirmations,
    traffic.acknowledged,
    findings.appointments,
  );
  const batch = judgeBatch(findings.batch.told, findings.batch.kept);
  const scenes = findings.retries;
  const retries = judgeRetries(scenes, logs, seen);
  const acknowledged = [traffic, confirmations, batch, scenes].flatMap((one) => one.acknowledged);
  const calls = judgeCalls({
    ...findings,
    acknowledged,
    otherCalls: BATCH_CALLS + scenes.calls,
  });
  const outside = judgeOutside(findings);
  const faults = [traffic, confirmations, batch, calls, outside, retries].flatMap(
    (one) => one.faults,
  );
  const byId = new Map(logs.map((log) => [log.log_id, log]));
  const seenIds = new Set(seen.log_ids);
  const neverSeen = logs.filter(
    ({ status, log_id }) => status === 'SUCCESS' && !seenIds.has(log_id),
  );
  const neverKept = acknowledged.flatMap(({ logIds }) => logIds.filter((id) => !byId.has(id)));
  const lostIds = [...neverSeen.map(({ log_id }) => log_id), ...neverKept];

  const byStatus = Object.fromEntries(
    LOG_STATUSES.map((status) => [status, logs.filter((log) => log.status === status).length]),
  ) as Record<LogStatus, number>;
  const pending = logs.filter(({ status, held_reason }) => status === 'PENDING' && !held_reason);
  const unfinished = pending.length + openTasks(health);
  const byScenario = DEMO_RULES.map((rule) => scenarioResult(rule, findings, acknowledged, byId));
  return {
    events: traffic.acknowledged.length,
    repeats: traffic.repeats,
    logs: byStatus,
    receiver: {
      requests: seen.requests,
      unique_log_ids: seenIds.size,
      turned_away: seen.turned_away,
      signatures_verified: seen.signatures_verified,
    },
    lost: lostIds.length,
    lost_log_ids: lostIds.slice(0, 100),
    unfinished,
    scheduled: laterTasks(health),
    queued: byStatus.QUEUED,
    retried: logs.filter(({ retry_count }) => retry_count > 0).length,
    by_scenario: byScenario,
    appointments: confirmations.shown,
    inbound: calls.shown,
    batch: batch.shown,
    outside_worker: outside.shown,
    retries: retries.shown,
    legacy_notes: findings.notes.length,
    faults: faults.slice(0, 20),
    not_shown: NOT_SHOWN,
    seconds: Math.round(seconds * 100) / 100,
    ok:
      lostIds.length === 0 &&
      unfinished === 0 &&
      faults.length === 0 &&
      byScenario.every((result) => result.as_expected),
  };
}

function scenarioResult(
  rule: DemoRule,
  { logs, scenarios }: Findings,
  acknowledged: readonly Acknowledged[],
  byId: ReadonlyMap<string, LogSummaryDocument>,
): ScenarioResult {
  const isOurs = (log: LogSummaryDocument | undefined): log is LogSummaryDocument =>
    typeof log?.lab_integration_id === 'number' &&
    scenarios.get(log.lab_integration_id) === rule.scenario;
  const ours = logs.filter(isOurs);
  const { expected } = rule;
  const calledFor: Acknowledged[] =
    expected === null ? [] : acknowledged.filter(({ event }) => appliesTo(rule, event));

  const fitting = new Set<string>();
  for (const { event, logIds } of calledFor) {
    const [log, another] = logIds.map((id) => byId.get(id)).filter(isOurs);
    if (log && !another && expected && isAsExpected(log, expected(event))) fitting.add(log.log_id);
  }
  const outcomes: Record<string, number> = {};
  for (const log of ours) {
    const words = log.status === 'PENDING' ? `PENDING ${log.held_reason ?? ''}` : outcome(log);
    outcomes[words.trim()] = (outcomes[words.trim()] ?? 0) + 1;
  }
  const unexpected = ours.filter(({ log_id }) => !fitting.has(log_id)).map(({ log_id }) => log_id);
  return {
    scenario: rule.scenario,
    title: rule.title,
    integration: rule.name,
    expected_logs: calledFor.length,
    logs: ours.length,
    outcomes,
    unexpected: unexpected.slice(0, 20),
    as_expected: unexpected.length === 0 && fitting.size === calledFor.length,
  };
}

/** Of many failures in a row the last are not tried themselves: they wait for a probe's success. */
function isAsExpected(log: LogSummaryDocument, expected: Expected): boolean {
  const { certainty, error_kind: errorKind, response_status_code: responseStatusCode } = expected;
  const sense = senseOf({ status: 'FAIL', certainty, errorKind, responseStatusCode });
  const mayWait = sense === 'FAILING' || sense === 'DOWN';
  if (mayWait && log.status === 'PENDING') return log.held_reason === 'BREAKER_OPEN';
  return outcome(log) === outcome(expected);
}

/** An outcome in words, e.g. `SUCCESS ACCEPTED 200` or `FAIL UNKNOWN TIMEOUT`. */
function outcome({
  status,
  certainty,
  error_kind,
  response_status_code,
}: Expected | LogSummaryDocument) {
  const last =
    error_kind === null || error_kind === 'HTTP_STATUS' ? response_status_code : error_kind;
  return [status, certainty, last].filter((word) => word !== null).join(' ');
}
