import { messageOf } from '../../../shared/errors.ts';
import type { DueRetry, RetryDelay } from '../../../shared/model/due-retry.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { type FateParts, fatesOfDue } from './due-fates.ts';
import { RetryPace } from './pace.ts';
import type { SchedulePort } from './port.ts';
import { QuietHours } from './quiet-hours.ts';

/**
 * Retries looked at in one go. Each may take an outside system's answer; what comes meanwhile is to wait
 * for few of them.
 */
const CHUNK = 50;

/** Waits that are changed in one command. */
const WAITS_AT_ONCE = 500;

/** It is looked at least so often (ms): a timer does not notice that the machine slept or its clock jumped. */
const LOOK_EVERY_MS = 60_000;

/** Wait (ms) before it is looked again where the store could not be asked, or did not do as it was told. */
const AGAIN_MS = 5_000;

/** What became of retries since the start. */
interface RetryCounts {
  started: number;
  /** Their bodies could not be built any more. */
  failed: number;
  /** A newer delivery of their ordering key was accepted. */
  stopped: number;
  /** How often one was put off: for quiet hours, or since too many were due at once. */
  deferred: number;
}

/** What monitoring is told of retries; counts since the start. */
export interface RetryFigures extends RetryCounts {
  exhausted: number;
  stalled: number;
}

interface SchedulerDeps extends Pick<FateParts, 'rebuild'> {
  store: SchedulePort;
  configuration: Pick<ConfigurationLookup, 'lab' | 'integration' | 'settings'>;
  /** While the store refuses writes nothing is started. */
  spill: { readonly isInUse: boolean };
  /** Epoch milliseconds. */
  clock: () => number;
  /** Retries have become ready; the integrations of which STAT ones have, one entry for each. */
  onStarted: (urgent: readonly number[]) => void;
  onTrouble: (what: string, message: string) => void;
}

/**
 * Starts retries when they are due. What is to come stands in the store alone; one timer knows when to
 * look again, so a hundred thousand that wait cost what one does, and a restart forgets nothing.
 */
export class RetryScheduler {
  readonly #deps: SchedulerDeps;
  /** What became of retries since the start. */
  readonly counts: RetryCounts = { started: 0, failed: 0, stopped: 0, deferred: 0 };
  readonly #pace = new RetryPace();
  readonly #quiet = new QuietHours();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer goes off (epoch ms). */
  #wakesAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = true;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Takes up what was scheduled before. */
  start(): void {
    this.#stopped = false;
    this.notify();
  }

  /**
   * Says that something is scheduled, or that what kept retries from starting may be over.
   * @param at when the retry is due that was scheduled (epoch ms); left out: it is looked at once
   */
  notify(at = Number.NEGATIVE_INFINITY): void {
    if (this.#stopped) return;
    if (at > this.#deps.clock()) {
      if (at < this.#wakesAt) this.#wakeAt(at);
      return;
    }
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#again) this.notify();
    });
  }

  /** Starts nothing more, and waits for what is being started. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    this.#quiet.forget();
  }

  /** Never throws. */
  async #run(): Promise<void> {
    this.#again = false;
    let wakeAt = this.#deps.clock() + LOOK_EVERY_MS;
    // What is scheduled while this runs counts from here.
    this.#wakesAt = Number.POSITIVE_INFINITY;
    try {
      if (!this.#mustRest) {
        await this.#restartWaits();
        await this.#startAllDue();
        const { at } = await this.#deps.store.nextRetry({ now: this.#deps.clock() });
        if (at !== null) wakeAt = Math.min(wakeAt, at);
      }
    } catch (error) {
      wakeAt = this.#deps.clock() + AGAIN_MS;
      if (!this.#stopped) this.#deps.onTrouble('retry', messageOf(error));
    }
    if (!this.#stopped) this.#wakeAt(Math.min(wakeAt, this.#wakesAt));
  }

  #wakeAt(at: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    const wait = Math.min(Math.max(1, at - this.#deps.clock()), LOOK_EVERY_MS);
    this.#timer = setTimeout(() => {
      this.#wakesAt = Number.POSITIVE_INFINITY;
      this.notify();
    }, wait);
  }

  /** Paused deliveries keep their steps, and none is built anew before it can leave. */
  get #mustRest(): boolean {
    const { spill, configuration } = this.#deps;
    return this.#stopped || spill.isInUse || configuration.settings.deliveryPaused !== null;
  }

  async #restartWaits(): Promise<void> {
    const { store, clock } = this.#deps;
    const { isClockBack } = await store.nextRetry({ now: clock() });
    if (!isClockBack) return;
    const limit = WAITS_AT_ONCE;
    while (!this.#mustRest && (await store.restartWaits({ now: clock(), limit })) === limit);
  }

  async #startAllDue(): Promise<void> {
    const { store, clock } = this.#deps;
    /** What the store did not start when it was told to; it is not told at once again. */
    const told = new Set<string>();
    while (!this.#mustRest) {
      const due = await store.dueRetries({ now: clock(), limit: CHUNK });
      if (due.length === 0) return;
      const { start, delays } = this.#decide(due, told);
      for (const retry of start) told.add(waitOf(retry));
      await this.#putOff(delays);
      await this.#start(start);
    }
  }

  async #start(due: readonly DueRetry[]): Promise<void> {
    if (due.length === 0) return;
    const { store, clock, onStarted, onTrouble, rebuild } = this.#deps;
    const lastSentBody = (request: { logId: string }) => store.lastSentBody(request);
    const parts = { rebuild, lastSentBody, clock, onTrouble };
    const { fates, delays } = await fatesOfDue(due, parts, () => this.#mustRest);
    await this.#putOff(delays);
    if (fates.length === 0) return;
    const result = await store.startRetries({ fates, now: clock() });
    this.counts.started += result.started;
    this.counts.failed += result.failed;
    this.counts.stopped += result.stopped;
    // What was behind one that ended may go, too.
    onStarted(result.urgent);
  }

  async #putOff(delays: RetryDelay[]): Promise<void> {
    if (delays.length === 0) return;
    const { store, clock } = this.#deps;
    await store.deferRetries({ delays, now: clock() });
    this.counts.deferred += delays.length;
  }

  /** Which due ones start now, and to when the others are put off. */
  #decide(due: readonly DueRetry[], told: ReadonlySet<string>) {
    const now = this.#deps.clock();
    const start: DueRetry[] = [];
    const delays: RetryDelay[] = [];
    for (const retry of due) {
      const { taskId, attempt } = retry;
      const later = told.has(waitOf(retry)) ? now + AGAIN_MS : this.#waitsUntil(retry, now);
      if (later === null) start.push(retry);
      else delays.push({ taskId, attempt, dueAt: later });
    }
    return { start, delays };
  }

  /** Null: it may start now. What must have arrived before the time that it would be put off to goes now. */
  #waitsUntil(retry: DueRetry, now: number): number | null {
    const { labId, labIntegrationId, isStat, deliverBy } = retry;
    const isTooLate = (at: number) => deliverBy !== null && deliverBy <= at;
    const { configuration } = this.#deps;
    const { quietHours = [] } = configuration.integration(labIntegrationId)?.retryPolicy ?? {};
    const zone = configuration.lab(labId)?.timeZone ?? 'UTC';
    const end = this.#quiet.endOf(quietHours, zone, now);
    if (end !== null) return isTooLate(end) ? null : end;
    const later = this.#pace.startOrWait(labIntegrationId, isStat, now);
    return later !== null && isTooLate(later) ? null : later;
  }
}

/** Tells one wait of a task from the next. */
function waitOf({ taskId, attempt }: DueRetry): string {
  return `${taskId} ${attempt}`;
}
