import { messageOf } from '../../../shared/errors.ts';
import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type { DispatcherDeps, DispatcherTimings } from './dispatcher-parts.ts';
import { WaitingForSlot } from './waiting-for-slot.ts';

/**
 * Claims tasks, and holds them in memory until a slot is free: never more than fill all slots once
 * again, so that at every end the store is asked for whoever has come meanwhile, and each
 * integration in its turn.
 */
export class Claimer {
  readonly #deps: DispatcherDeps;
  readonly #timings: DispatcherTimings;
  readonly #onClaimed: () => void;
  readonly #held = new WaitingForSlot();
  readonly #slotsInUse: () => number;
  #claiming = false;
  /** False once a claim came back with less than was asked for; a wake-up sets it again. */
  #mayBeMore = true;
  /** Integrations for which STAT tasks were queued. */
  #urgent: number[] = [];
  #stopped = true;
  #dueTimer: NodeJS.Timeout | undefined;

  /** @param onClaimed a claim has ended, whatever came of it */
  constructor(
    deps: DispatcherDeps,
    timings: DispatcherTimings,
    slotsInUse: () => number,
    onClaimed: () => void,
  ) {
    this.#deps = deps;
    this.#timings = timings;
    this.#slotsInUse = slotsInUse;
    this.#onClaimed = onClaimed;
  }

  /** Whether a claim is under way. */
  get isClaiming(): boolean {
    return this.#claiming;
  }

  /** Tasks that wait for a slot. */
  get size(): number {
    return this.#held.size;
  }

  /** Which they are. */
  get taskIds(): number[] {
    return this.#held.taskIds;
  }

  start(): void {
    this.#stopped = false;
  }

  /** Claims nothing more. Idempotent; what is held stays so until it is given back. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#dueTimer);
  }

  /**
   * Says that there may be ready tasks.
   * @param urgent the integrations for which STAT tasks were queued, one entry for each
   */
  expect(urgent: readonly number[] = []): void {
    this.#mayBeMore = true;
    this.#urgent.push(...urgent);
  }

  /** The next task for a slot; `ended` must be called with it. */
  next(): ClaimedTask | undefined {
    return this.#held.next();
  }

  /** A slot is done with a task. */
  ended(task: ClaimedTask): void {
    this.#held.ended(task);
  }

  /** Holds a task, which stays claimed, for the next slot. */
  putBack(task: ClaimedTask): void {
    this.#held.add([task], true);
  }

  /** Claims, if there may be something and too little is held to keep the slots busy. */
  claimMore(): void {
    if (this.#claiming || this.#stopped || this.#isPaused || this.#deps.spill.isInUse) return;
    const isShort = this.#mayBeMore && this.#room > 0;
    if (isShort || this.#urgent.length > 0) void this.#claim();
  }

  /**
   * Gives back what is held; the store's next start does what fails here.
   * @param only of this integration: from now on nothing but probes leaves for it
   */
  async giveBack(only?: number): Promise<void> {
    const isMeant = (task: ClaimedTask) => only === undefined || task.labIntegrationId === only;
    await this.#release(this.#held.take(isMeant));
  }

  get #isPaused(): boolean {
    return this.#deps.configuration.settings.deliveryPaused !== null;
  }

  get #slots(): number {
    return this.#deps.configuration.settings.maxConcurrency;
  }

  /** How many more tasks may be claimed: to fill the free slots, and to have as many again. */
  get #room(): number {
    const free = Math.max(0, this.#slots - this.#slotsInUse());
    return free + this.#slots - this.#held.size;
  }

  async #claim(): Promise<void> {
    const { store, worker, clock } = this.#deps;
    this.#claiming = true;
    this.#mayBeMore = false;
    const urgent = this.#urgent;
    this.#urgent = [];
    const given = this.#takeRoutineOf(new Set(urgent));
    const limit = Math.max(this.#room, urgent.length);
    try {
      const now = clock();
      const leaseUntil = now + this.#timings.lease;
      // Asked for in one turn: what is given back, claimed and still to come share a transaction.
      const [, tasks, dueAt] = await Promise.all([
        this.#release(given),
        store.claim({ worker, limit, leaseUntil, now }),
        store.nextDueAt({ now }),
      ]);
      if (tasks.length === limit) this.#mayBeMore = true;
      this.#held.add(tasks);
      this.#wakeAt(dueAt);
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
    return this.#held.take(isRoutine);
  }

  async #release(tasks: readonly ClaimedTask[]): Promise<void> {
    if (tasks.length === 0) return;
    const { store, worker } = this.#deps;
    try {
      await store.release({ worker, taskIds: tasks.map(({ taskId }) => taskId) });
    } catch (error) {
      this.#deps.onTrouble('release', messageOf(error));
      // Still ours. After a stop the next start takes them back, as they were not stamped.
      if (!this.#stopped) this.#held.add(tasks);
    }
  }

  /** Wakes when the next token or probe is due. */
  #wakeAt(dueAt: number | null): void {
    clearTimeout(this.#dueTimer);
    if (dueAt === null || this.#stopped) return;
    this.#dueTimer = setTimeout(
      () => {
        this.expect();
        this.claimMore();
      },
      Math.max(1, dueAt - this.#deps.clock()),
    );
  }
}
