import { messageOf } from '../../../shared/errors.ts';
import type { DueRetry, RetryDelay } from '../../../shared/model/due-retry.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { type FateParts, fatesOfDue } from './due-fates.ts';
import { RetryPace } from './pace.ts';
import type { SchedulePort } from './port.ts';

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
  readonly #pace = new RetryPace();
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
    const told = new Set<number>();
    while (!this.#mustRest) {
      const due = await store.dueRetries({ now: clock(), limit: CHUNK });
      if (due.length === 0) return;
      const { start, delays } = this.#decide(due, told);
      for (const { taskId } of due) told.add(taskId);
      if (delays.length > 0) await store.deferRetries({ delays, now: clock() });
      await this.#start(start);
    }
  }

  async #start(due: readonly DueRetry[]): Promise<void> {
    if (due.length === 0) return;
    const { store, clock, onStarted, onTrouble, rebuild } = this.#deps;
    const lastSentBody = (request: { logId: string }) => store.lastSentBody(request);
    const parts = { rebuild, lastSentBody, clock, onTrouble };
    const { fates, delays } = await fatesOfDue(due, parts, () => this.#mustRest);
    if (delays.length > 0) await store.deferRetries({ delays, now: clock() });
    if (fates.length === 0) return;
    const { started, urgent } = await store.startRetries({ fates, now: clock() });
    if (started > 0) onStarted(urgent);
  }

  /** Which due ones start now, and to when the others are put off. */
  #decide(due: readonly DueRetry[], told: ReadonlySet<number>) {
    const now = this.#deps.clock();
    const start: DueRetry[] = [];
    const delays: RetryDelay[] = [];
    for (const retry of due) {
      const { taskId, attempt } = retry;
      const later = told.has(taskId) ? now + AGAIN_MS : this.#waitsUntil(retry, now);
      if (later === null) start.push(retry);
      else delays.push({ taskId, attempt, dueAt: later });
    }
    return { start, delays };
  }

  /** Null: it may start now. */
  #waitsUntil({ labIntegrationId, isStat, deliverBy }: DueRetry, now: number): number | null {
    const later = this.#pace.startOrWait(labIntegrationId, isStat, now);
    // What must have arrived by then goes now.
    return later !== null && deliverBy !== null && deliverBy <= later ? null : later;
  }
}
