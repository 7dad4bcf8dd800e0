import { messageOf } from '../../../shared/errors.ts';
import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type { DispatcherDeps, DispatcherTimings } from './dispatcher-parts.ts';

/** Claims tasks, and holds them in memory until a slot is free: STAT before routine. */
export class Claimer {
  readonly #deps: DispatcherDeps;
  readonly #timings: DispatcherTimings;
  readonly #onClaimed: () => void;
  readonly #held: ClaimedTask[] = [];
  #claiming = false;
  /** False once a claim came back with less than was asked for; a wake-up sets it again. */
  #mayBeMore = true;
  /** Integrations for which STAT tasks were queued. */
  #urgent: number[] = [];
  #stopped = true;
  #tokenTimer: NodeJS.Timeout | undefined;

  /** @param onClaimed a claim has ended, whatever came of it */
  constructor(deps: DispatcherDeps, timings: DispatcherTimings, onClaimed: () => void) {
    this.#deps = deps;
    this.#timings = timings;
    this.#onClaimed = onClaimed;
  }

  /** Whether a claim is under way. */
  get isClaiming(): boolean {
    return this.#claiming;
  }

  /** Tasks that wait for a slot. */
  get size(): number {
    return this.#held.length;
  }

  start(): void {
    this.#stopped = false;
  }

  /** Claims nothing more. Idempotent; what is held stays so until it is given back. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#tokenTimer);
  }

  /**
   * Says that there may be ready tasks.
   * @param urgent the integrations for which STAT tasks were queued, one entry for each
   */
  expect(urgent: readonly number[] = []): void {
    this.#mayBeMore = true;
    this.#urgent.push(...urgent);
  }

  /** The next task for a slot. */
  next(): ClaimedTask | undefined {
    return this.#held.shift();
  }

  /** Holds a task, which stays claimed, for the next slot. */
  putBack(task: ClaimedTask): void {
    this.#held.unshift(task);
  }

  /** Claims, if there may be something and too little is held to keep the slots busy. */
  claimMore(): void {
    if (this.#claiming || this.#stopped || this.#isPaused) return;
    const isShort = this.#mayBeMore && this.#held.length < this.#slots;
    if (isShort || this.#urgent.length > 0) void this.#claim();
  }

  /**
   * Gives back what is held; the store's next start does what fails here.
   * @param only of this integration: from now on nothing but probes leaves for it
   */
  async giveBack(only?: number): Promise<void> {
    const isMeant = (task: ClaimedTask) => only === undefined || task.labIntegrationId === only;
    await this.#release(this.#take(isMeant));
  }

  get #isPaused(): boolean {
    return this.#deps.configuration.settings.deliveryPaused !== null;
  }

  get #slots(): number {
    return this.#deps.configuration.settings.maxConcurrency;
  }

  async #claim(): Promise<void> {
    const { store, worker, clock } = this.#deps;
    this.#claiming = true;
    this.#mayBeMore = false;
    const urgent = this.#urgent;
    this.#urgent = [];
    const given = this.#takeRoutineOf(new Set(urgent));
    const limit = Math.max(2 * this.#slots - this.#held.length, urgent.length);
    try {
      const now = clock();
      const leaseUntil = now + this.#timings.lease;
      // Asked for in one turn: what is given back, claimed and still to come share a transaction.
      const [, tasks, tokenAt] = await Promise.all([
        this.#release(given),
        store.claim({ worker, limit, leaseUntil, now }),
        store.nextTokenAt({ now }),
      ]);
      if (tasks.length === limit) this.#mayBeMore = true;
      this.#hold(tasks);
      this.#wakeAt(tokenAt);
    } catch (error) {
      // The idle poll tries again; nothing was claimed.
      this.#deps.onTrouble('claim', messageOf(error));
    } finally {
      this.#claiming = false;
    }
    this.#onClaimed();
  }

  /**
   * Routine tasks of integrations that have STAT ones now: held here they would use up their
   * integration's concurrency, and the STAT one would wait for a slow partner's answer. Given back,
   * they come again behind it.
   */
  #takeRoutineOf(integrations: ReadonlySet<number>): ClaimedTask[] {
    if (integrations.size === 0) return [];
    const isRoutine = (task: ClaimedTask) =>
      task.priority !== 'STAT' && integrations.has(task.labIntegrationId);
    return this.#take(isRoutine);
  }

  /** Takes some of what is held; the others keep their places. */
  #take(isMeant: (task: ClaimedTask) => boolean): ClaimedTask[] {
    const taken = this.#held.filter(isMeant);
    const kept = this.#held.filter((task) => !isMeant(task));
    this.#held.splice(0, this.#held.length, ...kept);
    return taken;
  }

  async #release(tasks: readonly ClaimedTask[]): Promise<void> {
    if (tasks.length === 0) return;
    const { store, worker } = this.#deps;
    try {
      await store.release({ worker, taskIds: tasks.map(({ taskId }) => taskId) });
    } catch (error) {
      this.#deps.onTrouble('release', messageOf(error));
      // Still ours. After a stop the next start takes them back, as they were not stamped.
      if (!this.#stopped) this.#held.push(...tasks);
    }
  }

  /** STAT before routine also among what is already held. */
  #hold(tasks: readonly ClaimedTask[]): void {
    const firstRoutine = this.#held.findIndex(({ priority }) => priority !== 'STAT');
    const stat = tasks.filter(({ priority }) => priority === 'STAT');
    if (firstRoutine >= 0) this.#held.splice(firstRoutine, 0, ...stat);
    else this.#held.push(...stat);
    for (const task of tasks) if (task.priority !== 'STAT') this.#held.push(task);
  }

  /** Wakes when the next token of a rate-limited integration is due. */
  #wakeAt(tokenAt: number | null): void {
    clearTimeout(this.#tokenTimer);
    if (tokenAt === null || this.#stopped) return;
    this.#tokenTimer = setTimeout(
      () => {
        this.expect();
        this.claimMore();
      },
      Math.max(1, tokenAt - this.#deps.clock()),
    );
  }
}
