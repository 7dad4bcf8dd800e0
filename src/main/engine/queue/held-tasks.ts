import { messageOf } from '../../../shared/errors.ts';
import type {
  HeldAction,
  HeldCounts,
  HeldFate,
  HeldFilter,
  HeldGroup,
  HeldTask,
  PendingWaitingAction,
} from '../../../shared/model/held.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { RebuildableLog, Rebuilt } from '../payload/rebuild.ts';
import { checkRelease, type HeldWish } from './held-checks.ts';
import type { HeldTasksPort } from './port.ts';

/** Tasks that one command deals with: other work comes between the commands. */
const CHUNK = 500;
/** Bodies built anew at a time, since each may be large. */
const REBUILD_CHUNK = 50;
/** Wait before what failed is taken up again (ms). */
const AGAIN_AFTER_MS = 1_000;

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
  readonly #works = new Map<number, Promise<void>>();
  #looking: Promise<void> | null = null;
  #again = false;
  #stopped = true;
  #later: NodeJS.Timeout | undefined;

  constructor(deps: HeldTasksDeps) {
    this.#deps = deps;
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

  /** Ends behind the chunks under way. Idempotent; the next start goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#later);
    await this.#looking;
    await Promise.all(this.#works.values());
  }

  /** Resolves when what is noted for an integration is done, or cannot be done just now. */
  async whenDone(labIntegrationId: number): Promise<void> {
    await this.#looking;
    for (let work = this.#works.get(labIntegrationId); work; ) {
      await work;
      await this.#looking;
      work = this.#works.get(labIntegrationId);
    }
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
      const fates = await this.#fates(meant, wish.action);
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
        for (const noted of await this.#deps.store.waitingActions()) {
          const { labIntegrationId: id } = noted;
          if (!this.#works.has(id)) this.#works.set(id, this.#work(noted));
        }
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#looking = null;
    }
  }

  async #work(noted: PendingWaitingAction): Promise<void> {
    try {
      await this.#workOff(noted);
      this.#works.delete(noted.labIntegrationId);
      // Another action may have overtaken this one.
      this.notify();
    } catch (error) {
      this.#works.delete(noted.labIntegrationId);
      this.#failed(error);
    }
  }

  /** Takes it up again a little later. */
  #failed(error: unknown): void {
    this.#deps.onTrouble('hold', messageOf(error));
    clearTimeout(this.#later);
    if (!this.#stopped) this.#later = setTimeout(() => this.notify(), AGAIN_AFTER_MS);
  }

  async #workOff({ labIntegrationId, action, actor }: PendingWaitingAction): Promise<void> {
    const { store, onReleased } = this.#deps;
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
        await this.#letGo({ labIntegrationId, action, actor });
        onReleased();
        break;
    }
  }

  async #letGo(noted: PendingWaitingAction & { action: HeldAction }): Promise<void> {
    const { store, clock } = this.#deps;
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
        const fates = await this.#fates(tasks, action);
        const decision = { actor, reason: null, now: clock() };
        await store.settleHeldTasks({ fates, decision, during });
        afterTaskId = tasks.at(-1)?.taskId ?? afterTaskId;
        if (this.#stopped) return;
      }
      // Deliveries that were queued meanwhile are behind the last one.
    } while (!(await store.endWaitingAction({ ...during, afterTaskId })));
  }

  /** Held tasks by rising id, so that ordering keys keep their order. */
  async *#chunks(filter: HeldFilter, action: HeldAction, from = 0): AsyncGenerator<HeldTask[]> {
    const limit = action === 'REBUILD' ? REBUILD_CHUNK : CHUNK;
    for (let afterTaskId = from; ; ) {
      const tasks = await this.#deps.store.heldTasks({ filter, afterTaskId, limit });
      if (tasks.length > 0) yield tasks;
      if (tasks.length < limit) return;
      afterTaskId = tasks.at(-1)?.taskId ?? afterTaskId;
    }
  }

  #fates(tasks: readonly HeldTask[], action: HeldAction): Promise<HeldFate[]> {
    return Promise.all(
      tasks.map(async ({ heldReason, ...task }): Promise<HeldFate> => {
        const { taskId } = task;
        // Queued after the choice was made, which was about those before it.
        if (heldReason === 'BEHIND_HELD') return { taskId, kind: 'RELEASE' };
        if (action !== 'REBUILD') return { taskId, kind: action };
        const rebuilt = await this.#deps.rebuild(task);
        switch (rebuilt.outcome) {
          case 'SAME':
            return { taskId, kind: 'RELEASE' };
          case 'CHANGED':
            return { taskId, kind: 'REPLACE', revision: rebuilt.revision };
          case 'FAILED':
            return { taskId, kind: 'FAIL', message: rebuilt.message };
        }
      }),
    );
  }
}

function add(total: HeldCounts, more: HeldCounts): void {
  total.released += more.released;
  total.rebuilt += more.rebuilt;
  total.dropped += more.dropped;
  total.failed += more.failed;
  total.disabled += more.disabled;
}
