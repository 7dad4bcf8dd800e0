import { messageOf } from '../../../shared/errors.ts';
import type {
  HeldAction,
  HeldCounts,
  HeldFilter,
  HeldGroup,
  HeldTask,
  PendingWaitingAction,
} from '../../../shared/model/held.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { RebuildableLog, Rebuilt } from '../payload/rebuild.ts';
import { checkRelease, type HeldWish } from './held-checks.ts';
import { fatesOf } from './held-fates.ts';
import { type FailingAction, HeldRetries } from './held-retries.ts';
import type { HeldTasksPort } from './port.ts';

/** Tasks that one command deals with: other work comes between the commands. */
const CHUNK = 500;
/** Bodies built anew at a time, since each may be large. */
const REBUILD_CHUNK = 50;
/** Wait before the store is asked again, where it could not tell what is to be done (ms). */
const AGAIN_AFTER_MS = 1_000;

/** An action that is being carried on. */
interface Work {
  noted: PendingWaitingAction;
  /** Another action took its place: what is left is that one's. */
  isOvertaken: boolean;
  done: Promise<void>;
}

interface HeldTasksDeps {
  store: HeldTasksPort;
  configuration: Pick<ConfigurationLookup, 'integration'>;
  rebuild: (log: RebuildableLog) => Promise<Rebuilt>;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Deliveries may leave again: wakes the dispatcher. */
  onReleased: () => void;
  onTrouble: (what: string, message: string) => void;
}

/**
 * Holds what waits for rules that were switched off, and lets it go as was chosen. What is to be done
 * is noted in the store together with the change of the rule, so a restart goes on with it; here it
 * is done, chunk by chunk, so that a hundred thousand held deliveries keep nobody else waiting.
 */
export class HeldTasks {
  readonly #deps: HeldTasksDeps;
  /** What is under way, by integration: a long action of one keeps no other waiting. */
  readonly #works = new Map<number, Work>();
  readonly #retries: HeldRetries;
  #looking: Promise<void> | null = null;
  #again = false;
  #stopped = true;
  #later: NodeJS.Timeout | undefined;

  constructor(deps: HeldTasksDeps) {
    this.#deps = deps;
    this.#retries = new HeldRetries(deps.clock, () => this.notify());
  }

  /** Takes up what a former life left undone. */
  start(): void {
    this.#stopped = false;
    this.notify();
  }

  /** Says that there may be something to hold or to let go. */
  notify(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#looking ??= this.#look();
  }

  /** Ends behind what is under way. Idempotent; the next start goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#later);
    await this.#looking;
    await Promise.all([...this.#works.values()].map(({ done }) => done));
    this.#retries.stop();
  }

  /** Resolves when what is noted for an integration is done, or cannot be done just now. */
  async whenDone(labIntegrationId: number): Promise<void> {
    await this.#looking;
    for (let work = this.#works.get(labIntegrationId); work; ) {
      await work.done;
      await this.#looking;
      work = this.#works.get(labIntegrationId);
    }
  }

  /** What is to become of held deliveries and fails; it is tried again at least once a minute. */
  failing(): FailingAction[] {
    return this.#retries.list();
  }

  /** What is held, counted by integration, reason and certainty. */
  preview(filter: HeldFilter): Promise<HeldGroup[]> {
    return this.#deps.store.countHeldTasks(filter);
  }

  /**
   * Lets go of held deliveries by filter, at once. Those of rules that are switched off stay, unless
   * they are dropped.
   *
   * @returns how many went which way, and how many stayed since their rule is switched off
   * @throws LabRelayError `DUPLICATES_POSSIBLE`, `REASON_NEEDED` or `INVALID_INPUT`
   */
  async release(wish: HeldWish, actor: string): Promise<HeldCounts> {
    const { store, configuration } = this.#deps;
    checkRelease(wish, await store.countHeldTasks(wish.filter), configuration);
    const total = { released: 0, rebuilt: 0, dropped: 0, failed: 0, disabled: 0 };
    const isOff = ({ labIntegrationId }: HeldTask) =>
      wish.action !== 'DROP' && configuration.integration(labIntegrationId)?.isActive !== true;
    const chunks = this.#chunks(wish.filter, wish.action);
    for await (const tasks of chunks) {
      const meant = tasks.filter((task) => !isOff(task));
      total.disabled += tasks.length - meant.length;
      const fates = (await fatesOf(meant, wish.action, this.#deps.rebuild, () => false)) ?? [];
      const decision = { actor, reason: wish.reason, now: this.#deps.clock() };
      add(total, await store.settleHeldTasks({ fates, decision, during: null }));
      this.#deps.onReleased();
    }
    return total;
  }

  async #look(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        for (const noted of await this.#deps.store.waitingActions()) this.#takeUp(noted);
      }
    } catch (error) {
      this.#deps.onTrouble('hold', messageOf(error));
      clearTimeout(this.#later);
      if (!this.#stopped) this.#later = setTimeout(() => this.notify(), AGAIN_AFTER_MS);
    } finally {
      this.#looking = null;
    }
  }

  #takeUp(noted: PendingWaitingAction): void {
    const work = this.#works.get(noted.labIntegrationId);
    if (work) {
      work.isOvertaken ||= work.noted.action !== noted.action;
    } else if (!this.#retries.mustWait(noted)) {
      const begun: Work = { noted, isOvertaken: false, done: Promise.resolve() };
      this.#works.set(noted.labIntegrationId, begun);
      begun.done = this.#work(begun);
    }
  }

  async #work(work: Work): Promise<void> {
    const { labIntegrationId } = work.noted;
    try {
      await this.#workOff(work);
      this.#retries.forget(labIntegrationId);
      this.#works.delete(labIntegrationId);
      // Another action may have overtaken this one.
      this.notify();
    } catch (error) {
      this.#works.delete(labIntegrationId);
      if (this.#stopped) return;
      // Told once: it may fail for as long as nobody mends it.
      if (this.#retries.failed(work.noted)) this.#deps.onTrouble('hold', messageOf(error));
      // Another action may have overtaken this one, and that need not wait.
      if (work.isOvertaken) this.notify();
    }
  }

  async #workOff(work: Work): Promise<void> {
    const { store, onReleased } = this.#deps;
    const { labIntegrationId, action, actor } = work.noted;
    switch (action) {
      case 'HOLD':
        while (!this.#stopped) {
          const held = await store.holdOpenTasks({ labIntegrationId, limit: CHUNK });
          if (held < CHUNK) break;
        }
        break;
      case 'RELEASE':
      case 'REBUILD':
      case 'DROP':
        await this.#letGo({ labIntegrationId, action, actor }, work);
        onReleased();
        break;
    }
  }

  async #letGo(noted: PendingWaitingAction & { action: HeldAction }, work: Work): Promise<void> {
    const { store, clock, rebuild } = this.#deps;
    const isOver = () => this.#stopped || work.isOvertaken;
    const { labIntegrationId, action, actor } = noted;
    const during = { labIntegrationId, action };
    const filter: HeldFilter = {
      labIntegrationId,
      heldReasons: ['INTEGRATION_DISABLED', 'BEHIND_HELD'],
      certainty: null,
      from: null,
      to: null,
    };
    let afterTaskId = 0;
    do {
      for await (const tasks of this.#chunks(filter, action, afterTaskId)) {
        const fates = await fatesOf(tasks, action, rebuild, isOver);
        if (!fates) return;
        const decision = { actor, reason: null, now: clock() };
        const { isOvertaken } = await store.settleHeldTasks({ fates, decision, during });
        if (isOvertaken || isOver()) return;
        afterTaskId = tasks.at(-1)?.taskId ?? afterTaskId;
      }
      // Deliveries that were queued meanwhile are behind the last one.
    } while (!(await store.endWaitingAction({ ...during, afterTaskId })));
  }

  /** Held tasks by rising id, so that the oldest go first. */
  async *#chunks(filter: HeldFilter, action: HeldAction, from = 0): AsyncGenerator<HeldTask[]> {
    const limit = action === 'REBUILD' ? REBUILD_CHUNK : CHUNK;
    for (let afterTaskId = from; ; ) {
      const tasks = await this.#deps.store.heldTasks({ filter, afterTaskId, limit });
      if (tasks.length > 0) yield tasks;
      if (tasks.length < limit) return;
      afterTaskId = tasks.at(-1)?.taskId ?? afterTaskId;
    }
  }
}

function add(total: HeldCounts, more: HeldCounts): void {
  total.released += more.released;
  total.rebuilt += more.rebuilt;
  total.dropped += more.dropped;
  total.failed += more.failed;
  total.disabled += more.disabled;
}
