import { setTimeout as sleep } from 'node:timers/promises';
import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type {
  Spill,
  SpillApplied,
  SpillFigures,
  SpillRecord,
} from '../../../shared/model/spill.ts';
import type { SetAside } from './set-aside.ts';
import type { SpillJournal, Waiting } from './journal.ts';
import type { SpillPort } from './port.ts';
import type { StoreState } from './store-state.ts';

/** Records that are replayed in one turn, and so in one transaction. */
const AT_ONCE = 100;
/** Waits (ms) before a store that refused is tried again: doubled from the first to the last. */
const FIRST_WAIT_MS = 100;
const LAST_WAIT_MS = 2_000;
/** A store that took writes for less than this (ms) has not recovered: the waits are not begun anew. */
const RECOVERED_MS = 10_000;

/** The journal as it was opened, or why it could not be. */
export type Journal = { journal: SpillJournal; fault: null } | { journal: null; fault: string };

/** What the room is made of. */
export interface SpillDeps {
  store: SpillPort;
  opened: Journal;
  state: StoreState;
  /** Where records go that the store refuses for good. */
  aside: SetAside;
  /** Epoch milliseconds. */
  clock: () => number;
  /** A record is in the store now: what follows from it is to follow. */
  onApplied: (record: SpillRecord, applied: Extract<SpillApplied, { outcome: 'APPLIED' }>) => void;
  /**
   * The store takes writes again, and has all that was kept meanwhile.
   * @param refusedSince epoch ms; null where only the journal was in use
   */
  onBack: (replayed: number, refusedSince: number | null) => void;
  /** Something an operator's log should tell; no patient data. */
  onTrouble: (what: string, message: string) => void;
}

/**
 * Keeps what would be lost while the store cannot be written, and gives it to the store in order and
 * exactly once when it can. It is also who finds out that the store is back: by offering it the next
 * record, or a write that changes nothing.
 */
export class SpilledRecords implements Spill {
  readonly #deps: SpillDeps;
  #running: Promise<void> | null = null;
  #stopped = true;
  #wait = FIRST_WAIT_MS;
  #backAt = Number.NEGATIVE_INFINITY;
  #wake = new AbortController();
  readonly #kept: SpillFigures['kept'] = { SETTLEMENT: 0, DEATH: 0, CALL: 0 };
  #full = 0;
  readonly #hadNoRoom = new WeakSet<SpillRecord>();
  #setAside = 0;
  /** Since the store was last back. */
  #replayed = 0;

  constructor(deps: SpillDeps) {
    this.#deps = deps;
    deps.state.onRefused(() => this.notify());
  }

  /**
   * From the store's first refusal until it has everything that was kept meanwhile. Nothing is claimed
   * then, and outcomes go the same way as those before them.
   */
  get isInUse(): boolean {
    return !this.#deps.state.isWritable || this.#journal?.isEmpty === false;
  }

  get figures(): SpillFigures {
    const { state, opened } = this.#deps;
    const { journal } = opened;
    return {
      refusedSince: state.refusedSince,
      journal: journal && {
        capacity: journal.capacity,
        used: journal.used,
        waiting: journal.waiting,
        isFull: journal.isFull,
      },
      fault: journal?.fault ?? opened.fault,
      kept: { ...this.#kept },
      full: this.#full,
      setAside: this.#setAside,
    };
  }

  async keep(record: SpillRecord): Promise<boolean> {
    const kept = (await this.#journal?.append(record)) ?? 'FAILED';
    if (kept === 'KEPT') this.#kept[record.kind]++;
    // An outcome is offered again and again until it is kept: it is one all the same.
    if (kept === 'FULL' && !this.#hadNoRoom.has(record)) {
      this.#hadNoRoom.add(record);
      this.#full++;
    }
    this.notify();
    return kept === 'KEPT';
  }

  /**
   * Applies what a former life has kept. It comes before the recovery of the queue, which calls a
   * stamped attempt without an outcome `UNKNOWN`.
   * @throws what the store throws
   */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.#replay();
    this.notify();
  }

  /** Says that the store has refused a write, or that something is kept. Cheap. */
  notify(): void {
    if (this.#stopped || this.#running || !this.isInUse) return;
    this.#running = this.#work().finally(() => {
      this.#running = null;
      // Since its last look.
      this.notify();
    });
  }

  /** Ends behind the try under way; what is not replayed waits for the next start. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#running;
    await this.#journal?.close();
  }

  get #journal(): SpillJournal | null {
    return this.#deps.opened.journal;
  }

  /** Tries until the store has everything. Never throws. */
  async #work(): Promise<void> {
    const { clock, state, store } = this.#deps;
    if (clock() - this.#backAt > RECOVERED_MS) this.#wait = FIRST_WAIT_MS;
    while (!this.#stopped) {
      await this.#pause();
      if (this.#stopped) return;
      try {
        await this.#replay();
        await store.probeWrite();
      } catch (error) {
        this.#deps.onTrouble('spill', messageOf(error));
        continue;
      }
      // Kept while the last of them were applied.
      if (this.#journal?.isEmpty === false) continue;
      const { refusedSince } = state;
      state.back();
      this.#backAt = clock();
      this.#deps.onBack(this.#replayed, refusedSince);
      this.#replayed = 0;
      return;
    }
  }

  async #pause(): Promise<void> {
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, LAST_WAIT_MS);
    await sleep(wait, undefined, { signal: this.#wake.signal }).catch(() => {});
  }

  /** @throws what keeps the store from taking the next one, or the journal from being read */
  async #replay(): Promise<void> {
    const journal = this.#journal;
    if (!journal) return;
    while (journal.waiting > 0 && !this.#stopped) await this.#replaySome(journal);
  }

  async #replaySome(journal: SpillJournal): Promise<void> {
    const waiting = await journal.read(AT_ONCE);
    const [first] = waiting;
    if (first?.record === null) {
      await this.#refused(first, new Error('its bytes in the journal are damaged'));
      journal.applied(first.sequence);
      return;
    }
    const damagedAt = waiting.findIndex(({ record }) => record === null);
    if (damagedAt > 0) waiting.splice(damagedAt);
    // Asked for in one turn: one transaction, a savepoint each. What comes behind one that is refused
    // is out of order, and is asked for again once that one is out of the way.
    const answers = await Promise.allSettled(
      waiting.map((one) => this.#deps.store.applySpilled(one)),
    );
    for (const [at, one] of waiting.entries()) {
      const answer = answers[at];
      if (answer?.status === 'fulfilled' && answer.value.outcome === 'OUT_OF_ORDER') {
        if (at === 0) throw new Error('the store has not applied what comes before');
        return;
      }
      if (answer?.status === 'fulfilled') this.#tell(one, answer.value);
      else await this.#refused(one, answer?.reason);
      journal.applied(one.sequence);
      this.#replayed++;
    }
  }

  #tell({ record }: Waiting, applied: SpillApplied): void {
    if (record === null || applied.outcome !== 'APPLIED') return;
    try {
      this.#deps.onApplied(record, applied);
    } catch (error) {
      // A listener can never break a delivery.
      this.#deps.onTrouble('listener', error instanceof Error ? error.name : 'unknown error');
    }
  }

  /**
   * The store will not have this one, now or ever: it is kept where people find it, and the rest goes
   * on. A task whose outcome it was goes to the failed-task queue, as it would have without a journal.
   * @throws where it is the store that cannot be written, or the file for it
   */
  async #refused({ sequence, record }: Waiting, reason: unknown): Promise<void> {
    if (reason instanceof LabRelayError && reason.code === 'STORE_UNAVAILABLE') throw reason;
    const { store, aside, clock, onTrouble } = this.#deps;
    onTrouble('set_aside', messageOf(reason));
    await aside.write({ at: clock(), sequence, reason: messageOf(reason), record });
    this.#setAside++;
    const instead = record?.kind === 'SETTLEMENT' ? deathFor(record, clock()) : null;
    await store.applySpilled({ sequence, record: instead }).catch((error: unknown) => {
      if (instead === null) throw error;
      return store.applySpilled({ sequence, record: null });
    });
  }
}

function deathFor(
  { settlement }: Extract<SpillRecord, { kind: 'SETTLEMENT' }>,
  at: number,
): SpillRecord | null {
  const { taskId, report } = settlement;
  if (report.attempt === null) return null;
  return {
    kind: 'DEATH',
    death: {
      taskId,
      cause: 'EXCEPTION',
      errorMessage: "The task's outcome could not be kept; spill-rejected.jsonl holds it.",
      stamped: true,
      at,
    },
    logId: report.logId,
    attempt: report.attempt,
  };
}
