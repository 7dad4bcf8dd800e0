import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { OPEN_REASONS } from '../../shared/model/breaker.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { EngineFigures } from '../engine/figures.ts';

/** What the routes count as they go. */
export interface RouteMetrics {
  /** One answered event request; `seconds` from its body's arrival to the commit. */
  event(route: string, outcome: 'accepted' | 'repeated' | 'refused', seconds: number): void;
  /** One answered batch, with its answer. */
  batch(route: string, outcome: 'accepted' | 'repeated' | 'refused', answer: JsonObject): void;
  /** One report taken over HTTP. */
  callback(outcome: 'changed' | 'unchanged' | 'refused'): void;
  /** One error answer. */
  problem(code: string): void;
}

/**
 * The metrics of one server, in a registry of its own so that several engines in one process do
 * not mix. Labels are closed sets of our own words: never labs, partners, people or paths as called.
 */
export class Metrics implements RouteMetrics {
  private readonly registry = new Registry();
  private readonly figures: () => Promise<EngineFigures>;

  private readonly events = new Counter({
    name: 'labrelay_events_total',
    help: 'Event requests by route and outcome',
    labelNames: ['route', 'outcome'] as const,
    registers: [this.registry],
  });
  private readonly batchRecords = new Counter({
    name: 'labrelay_batch_records_total',
    help: 'Records of answered batches since the start by what became of them',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  private readonly commit = new Histogram({
    name: 'labrelay_event_commit_seconds',
    help: 'Time from an event body to the commit of its logs and tasks',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });
  private readonly callbacks = new Counter({
    name: 'labrelay_callbacks_total',
    help: 'Reports taken over HTTP by outcome',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  private readonly problems = new Counter({
    name: 'labrelay_http_problems_total',
    help: 'Error answers by problem code',
    labelNames: ['code'] as const,
    registers: [this.registry],
  });
  private readonly logs = this.gauge('labrelay_logs', 'Deliveries by status', ['status']);
  private readonly calls = this.gauge('labrelay_inbound_calls', 'Calls into the lab by status', [
    'status',
  ]);
  private readonly tasks = this.gauge('labrelay_tasks', 'Tasks by state (queue depth)', ['state']);
  private readonly failedTasks = this.gauge('labrelay_failed_tasks', 'Failed tasks not requeued');
  private readonly batches = this.gauge('labrelay_batches', 'Batches that are not done, by state', [
    'state',
  ]);
  private readonly openBreakers = this.gauge(
    'labrelay_open_breakers',
    'Integrations of which only probes are sent, or nothing (BY_HAND), by reason',
    ['reason'],
  );
  private readonly failuresInARow = this.gauge(
    'labrelay_consecutive_failures',
    'The most consecutive failures of any integration, from 5 on',
  );
  private readonly oldest = this.gauge(
    'labrelay_oldest_task_age_seconds',
    'Age of the oldest waiting task; 0 where none waits',
  );
  private readonly inFlight = this.gauge('labrelay_deliveries_in_flight', 'Deliveries in flight');
  private readonly slots = this.gauge(
    'labrelay_delivery_slots',
    'Deliveries that may be in flight',
  );
  private readonly heldKeys = this.gauge(
    'labrelay_held_ordering_keys',
    'Ordering keys whose followers wait behind a delivery in doubt or refused',
    ['reason'],
  );
  private readonly overdue = this.gauge(
    'labrelay_overdue_deliveries',
    'Open deliveries past their deliver_by',
  );
  private readonly outsideTasks = this.gauge(
    'labrelay_outside_tasks',
    'Tasks of external integrations: waiting for an outside worker, leased, or started by one',
    ['state'],
  );
  private readonly expiredHolds = new Counter({
    name: 'labrelay_ordering_holds_expired_total',
    help: 'Ordering keys released since the start because their head stayed in doubt',
    registers: [this.registry],
  });
  private readonly retries = new Counter({
    name: 'labrelay_retries_total',
    help: 'Automatic retries since the start by what became of them when they were due',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  private readonly exhausted = this.gauge(
    'labrelay_exhausted_deliveries',
    'Deliveries that are not sent again by themselves any more',
  );
  private readonly nextRetry = this.gauge(
    'labrelay_next_retry_seconds',
    'Time until the next retry is due; 0 where it is due, -1 where none is scheduled',
  );
  private readonly stalled = new Counter({
    name: 'labrelay_stalled_logs_total',
    help: 'Deliveries found since the start that had no way on, and were taken up again',
    registers: [this.registry],
  });
  private readonly unkeptCalls = new Counter({
    name: 'labrelay_calls_not_kept_total',
    help: 'Calls into the lab since the start that have no log, by why',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });
  private readonly writable = this.gauge(
    'labrelay_store_writable',
    '1 while the store takes writes, 0 while it refuses them',
  );
  private readonly spillWaiting = this.gauge(
    'labrelay_spill_waiting',
    'Records in the spill journal that the store does not have yet',
  );
  private readonly spilled = new Counter({
    name: 'labrelay_spill_records_total',
    help: 'Records kept in the spill journal since the start, by kind',
    labelNames: ['kind'] as const,
    registers: [this.registry],
  });
  private readonly spillFull = new Counter({
    name: 'labrelay_spill_full_total',
    help: 'Records since the start for which the spill journal had no room',
    registers: [this.registry],
  });
  private readonly storeBytes = this.gauge('labrelay_store_bytes', 'Size of the store file');
  private readonly attempts = new Counter({
    name: 'labrelay_attempts_total',
    help: 'Attempts ended since the start by outcome, certainty and error kind',
    labelNames: ['outcome', 'certainty', 'error_kind'] as const,
    registers: [this.registry],
  });

  /** @param figures asked at each scrape, so that nothing is counted twice */
  constructor(figures: () => Promise<EngineFigures>, version: string) {
    this.figures = figures;
    collectDefaultMetrics({ register: this.registry });
    this.gauge('labrelay_info', 'The running version', ['version']).set({ version }, 1);
  }

  event(route: string, outcome: 'accepted' | 'repeated' | 'refused', seconds: number): void {
    this.events.inc({ route, outcome });
    if (outcome === 'accepted') this.commit.observe(seconds);
  }

  batch(route: string, outcome: 'accepted' | 'repeated' | 'refused', answer: JsonObject): void {
    this.events.inc({ route, outcome });
    if (outcome !== 'accepted') return;
    this.batchRecords.inc({ outcome: 'accepted' }, Number(answer.accepted ?? 0));
    const rejected = Array.isArray(answer.rejected) ? answer.rejected.length : 0;
    this.batchRecords.inc({ outcome: 'rejected' }, rejected);
  }

  callback(outcome: 'changed' | 'unchanged' | 'refused'): void {
    this.callbacks.inc({ outcome });
  }

  problem(code: string): void {
    this.problems.inc({ code });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The Prometheus text of this moment. */
  async text(): Promise<string> {
    const figures = await this.figures();
    this.logs.reset();
    for (const [status, count] of Object.entries(figures.store.logsByStatus)) {
      this.logs.set({ status }, count);
    }
    this.calls.reset();
    for (const [status, count] of Object.entries(figures.store.inboundByStatus)) {
      this.calls.set({ status }, count);
    }
    this.tasks.reset();
    for (const [state, count] of Object.entries(figures.store.tasksByState)) {
      this.tasks.set({ state }, count);
    }
    this.batches.reset();
    for (const [state, count] of Object.entries(figures.store.batchesByState)) {
      this.batches.set({ state }, count);
    }
    const { breakers, oldestTaskAt } = figures.store;
    for (const reason of OPEN_REASONS) {
      const open = breakers.filter(({ openReason }) => openReason === reason).length;
      this.openBreakers.set({ reason }, open);
    }
    this.failuresInARow.set(Math.max(0, ...breakers.map(({ failures }) => failures)));
    this.oldest.set(oldestTaskAt === null ? 0 : Math.max(0, Date.now() - oldestTaskAt) / 1000);
    this.failedTasks.set(figures.store.failedTasks);
    this.exhausted.set(figures.store.exhausted);
    const { nextRetryAt } = figures.store;
    this.nextRetry.set(nextRetryAt === null ? -1 : Math.max(0, nextRetryAt - Date.now()) / 1000);
    this.retries.reset();
    for (const outcome of ['started', 'failed', 'stopped', 'deferred', 'exhausted'] as const) {
      this.retries.inc({ outcome }, figures.retries[outcome]);
    }
    this.stalled.reset();
    this.stalled.inc(figures.retries.stalled);
    for (const [reason, count] of Object.entries(figures.order.heldKeys)) {
      this.heldKeys.set({ reason }, count);
    }
    this.overdue.set(figures.order.overdue);
    for (const state of ['ready', 'leased', 'started'] as const) {
      const count = figures.outside.reduce((sum, one) => sum + one[state], 0);
      this.outsideTasks.set({ state }, count);
    }
    this.expiredHolds.reset();
    this.expiredHolds.inc(figures.holdAlerts.count);
    this.unkeptCalls.reset();
    for (const [reason, count] of Object.entries(figures.unkeptCalls)) {
      this.unkeptCalls.inc({ reason }, count);
    }
    this.showSpill(figures.spill);
    this.storeBytes.set(figures.store.fileBytes);
    this.inFlight.set(figures.inFlight);
    this.slots.set(figures.slots);
    // The engine keeps the count; this counter only shows it.
    this.attempts.reset();
    for (const { outcome, certainty, errorKind, count } of figures.attempts) {
      const labels = { outcome, certainty: certainty ?? 'NONE', error_kind: errorKind ?? 'NONE' };
      this.attempts.inc(labels, count);
    }
    return this.registry.metrics();
  }

  private showSpill({ refusedSince, journal, kept, full }: EngineFigures['spill']): void {
    this.writable.set(refusedSince === null ? 1 : 0);
    this.spillWaiting.set(journal?.waiting ?? 0);
    this.spilled.reset();
    for (const [kind, count] of Object.entries(kept)) this.spilled.inc({ kind }, count);
    this.spillFull.reset();
    this.spillFull.inc(full);
  }

  private gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []) {
    return new Gauge<L>({ name, help, labelNames, registers: [this.registry] });
  }
}
