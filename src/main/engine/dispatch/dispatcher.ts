import { messageOf } from '../../../shared/errors.ts';
import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import type { SpillApplied, SpillRecord } from '../../../shared/model/spill.ts';
import type { Recovery } from '../queue/port.ts';
import { AttemptHandler } from './attempt-handler.ts';
import { Claimer } from './claimer.ts';
import {
  type DispatcherDeps,
  type DispatcherTimings,
  nameOf,
  TIMINGS,
  type Execution,
} from './dispatcher-parts.ts';
import { OutcomeKeeper } from './outcome-keeper.ts';

/**
 * One claimer, many slots (Fusion's worker). Claimed tasks wait in memory until a slot is free; a
 * slot stamps its attempt, sends, and settles. The settlement of one attempt and the stamp of the
 * slot's next go to the store in one turn and so share a commit; since bytes leave only after that
 * commit, a crash never leaves more attempts in doubt than there are slots.
 */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #timings: DispatcherTimings;
  readonly #running = new Map<number, Execution>();
  #slotsInUse = 0;
  readonly #claimer: Claimer;
  readonly #keeper: OutcomeKeeper;
  readonly #handler: AttemptHandler;
  #stopped = true;
  #timers: NodeJS.Timeout[] = [];
  #whenDrained: (() => void) | null = null;
  #stopping: Promise<void> = Promise.resolve();

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#timings = { ...TIMINGS, ...deps.timings };
    this.#claimer = new Claimer(
      deps,
      this.#timings,
      () => this.#slotsInUse,
      () => this.#fill(),
    );
    this.#keeper = new OutcomeKeeper(
      deps,
      this.#timings,
      () => this.#stopped,
      ({ urgent, breaker }) => {
        this.#claimer.expect(urgent);
        if (breaker?.kind === 'OPENED') void this.#claimer.giveBack(breaker.labIntegrationId);
        // A slot that has become free claims by itself; a STAT task does not wait for one.
        if (urgent.length > 0) this.#claimer.claimMore();
      },
    );
    this.#handler = new AttemptHandler(deps, this.#timings, this.#keeper, (task) =>
      this.#claimer.putBack(task),
    );
  }

  /** Attempts under way. */
  get inFlight(): number {
    return this.#running.size;
  }

  /**
   * Recovers what a former life left, then begins to claim.
   * @returns what recovery did
   */
  async start(): Promise<Omit<Recovery, 'retries'>> {
    const { store, worker, clock } = this.#deps;
    const { retries = [], ...recovery } = await store.recover({
      worker,
      now: clock(),
      atStart: true,
    });
    const { idlePoll, lease } = this.#timings;
    this.#stopped = false;
    this.#claimer.start();
    this.#timers = [
      setInterval(() => this.notify(), idlePoll),
      setInterval(() => this.#sweep(), idlePoll),
      setInterval(() => this.#renew(), lease / 3),
    ];
    this.notify();
    for (const step of retries) this.#deps.onRetry(step);
    return recovery;
  }

  /**
   * Says that there may be work. Cheap; called after every commit that queues any.
   * @param urgent the integrations for which STAT tasks were queued, one entry for each
   */
  notify(urgent: readonly number[] = []): void {
    this.#claimer.expect(urgent);
    this.#fill();
  }

  /** Says that a delivery which waited for another of its ordering key has become ready. */
  keyWentOn({ labIntegrationId, priority }: KeyWentOn): void {
    this.notify(priority === 'STAT' ? [labIntegrationId] : []);
  }

  /** Gives back what was claimed ahead for an integration, and is not stamped. */
  giveBack(labIntegrationId: number): Promise<void> {
    return this.#claimer.giveBack(labIntegrationId);
  }

  /** An outcome or a death that had to be kept in the spill journal is in the store now. */
  applied(record: SpillRecord, applied: Extract<SpillApplied, { outcome: 'APPLIED' }>): void {
    this.#keeper.applied(record, applied);
  }

  /** The store takes writes again. Leases first: they may have run out, though nobody could claim. */
  storeIsBack(): void {
    if (this.#stopped) return;
    this.#renew();
    this.notify();
  }

  /**
   * Claims nothing more, lets what is under way finish, gives back what was not started. Idempotent:
   * a second call waits for the first.
   */
  stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#claimer.stop();
      this.#stopping = this.#drain();
    }
    return this.#stopping;
  }

  async #drain(): Promise<void> {
    await this.#claimer.giveBack();
    if (this.#slotsInUse > 0 || this.#claimer.isClaiming) {
      await new Promise<void>((resolve) => {
        this.#whenDrained = resolve;
      });
    }
    // Only now: until then leases are renewed and hung handlers given up.
    for (const timer of this.#timers) clearInterval(timer);
    await this.#claimer.giveBack();
  }

  /** Tasks that are held, under way, or whose end is being written. */
  get #inHand(): number[] {
    return [...this.#running.keys(), ...this.#claimer.taskIds, ...this.#keeper.ending];
  }

  get #isPaused(): boolean {
    return this.#deps.configuration.settings.deliveryPaused !== null;
  }

  get #slots(): number {
    return this.#deps.configuration.settings.maxConcurrency;
  }

  #fill(): void {
    if (this.#stopped) {
      if (this.#slotsInUse === 0 && !this.#claimer.isClaiming) this.#whenDrained?.();
      return;
    }
    if (this.#isPaused) {
      // What was claimed ahead is the queue's again; attempts under way end as usual.
      void this.#claimer.giveBack();
      return;
    }
    // What was claimed ahead waits in memory: it cannot be given back either.
    if (this.#deps.spill.isInUse) return;
    while (this.#slotsInUse < this.#slots && this.#claimer.size > 0) {
      this.#slotsInUse++;
      void this.#slot();
    }
    this.#claimer.claimMore();
  }

  /** Works through held tasks one after the other until none is left. */
  async #slot(): Promise<void> {
    let settlement: Promise<void> = Promise.resolve();
    for (let task = this.#next(); task; task = this.#next()) {
      // Not awaited here: the next stamp is asked for in the same turn and so shares its commit.
      ({ settlement } = await this.#run(task, settlement));
    }
    await settlement;
    this.#slotsInUse--;
    this.#fill();
  }

  #next(): ClaimedTask | undefined {
    if (this.#stopped || this.#isPaused || this.#deps.spill.isInUse) return undefined;
    if (this.#slotsInUse > this.#slots) return undefined;
    const task = this.#claimer.next();
    // Not #fill: a slot begun here would overtake the task that this one has just taken.
    this.#claimer.claimMore();
    return task;
  }

  /**
   * One task's execution. Whatever becomes of the handler, the task ends in exactly one way: its
   * report is settled, or it goes to the failed-task queue.
   *
   * @param before the slot's former settlement
   * @returns this one's settlement under way (in an object, or `async` would await it)
   */
  async #run(task: ClaimedTask, before: Promise<void>): Promise<{ settlement: Promise<void> }> {
    const running: Execution = {
      task,
      stamped: false,
      goesBack: false,
      deadline: Number.POSITIVE_INFINITY,
      end: null,
    };
    this.#running.set(task.taskId, running);
    const ended = await new Promise<{ settlement: Promise<void> }>((resolve) => {
      running.end = (ending) => {
        running.end = null;
        resolve({ settlement: ending() });
      };
      this.#handler.handle(running, before).then(
        (report) =>
          running.end?.(() => (report ? this.#keeper.settle(running, report) : Promise.resolve())),
        (error: unknown) => {
          this.#deps.onTrouble('handler', nameOf(error));
          const message = `The task's handler failed (${nameOf(error)}).`;
          running.end?.(() => this.#keeper.bury(running, 'EXCEPTION', message));
        },
      );
    });
    this.#running.delete(task.taskId);
    this.#claimer.ended(task);
    await before;
    return ended;
  }

  /** Handlers that have outlived even their time-out are dead. */
  #sweep(): void {
    const now = this.#deps.clock();
    for (const running of this.#running.values()) {
      if (now > running.deadline) {
        const message = "The task's handler did not end in time and was given up.";
        running.end?.(() => this.#keeper.bury(running, 'TIMEOUT', message));
      }
    }
    const { spill } = this.#deps;
    // It would only be refused, and the log filled with it.
    if (spill.isInUse) return;
    void this.#recover(now);
    void this.#tendOrder(now);
    void this.#keeper.buryAgain();
  }

  /** Never throws. */
  async #recover(now: number): Promise<void> {
    const { store, worker, onRetry, onTrouble } = this.#deps;
    const mine = [...this.#inHand, ...this.#keeper.unburied];
    try {
      const { retries = [] } = await store.recover({ worker, now, atStart: false, mine });
      for (const step of retries) onRetry(step);
    } catch (error) {
      onTrouble('recover', messageOf(error));
    }
  }

  /** Never throws. In the turn of the recovery, so that the two share a transaction. */
  async #tendOrder(now: number): Promise<void> {
    try {
      const { expired, urgent } = await this.#deps.store.tendOrder({ now });
      if (expired.length > 0) this.#deps.onHoldsExpired(expired);
      if (expired.length > 0 || urgent.length > 0) this.notify(urgent);
    } catch (error) {
      this.#deps.onTrouble('recover', messageOf(error));
    }
  }

  #renew(): void {
    const { store, worker, clock } = this.#deps;
    if (this.#inHand.length === 0) return;
    store
      .extendLeases({
        worker,
        leaseUntil: clock() + this.#timings.lease,
        of: this.#inHand,
      })
      .catch((error: unknown) => {
        this.#deps.onTrouble('lease', messageOf(error));
      });
  }
}
