import { messageOf } from '../../../shared/errors.ts';
import type { ScheduleStep } from '../../../shared/model/retry.ts';
import type { StalledAfter, StalledPage, StalledTaken } from '../../../shared/model/stalled.ts';

/** Open logs looked at in one go; a go every so often (ms), so that it is never noticed. */
const CHUNK = 500;
const EVERY_MS = 5_000;

/** A log is left in peace for so long (ms): whoever made it may be at it. */
const STALLED_AFTER_MS = 5 * 60_000;

const FROM_THE_START: readonly StalledAfter['among'][] = ['PENDING', 'SCHEDULED', 'RUNNING'];

/** What finding stalled logs takes of the store. */
export interface StalledPort {
  /** The next open logs, with those among them that have no task. */
  stalledLogs(request: {
    after: StalledAfter;
    before: number;
    limit: number;
  }): Promise<StalledPage>;
  /** Finds a way on for logs that have none; those that have one by now are passed over. */
  takeUpStalled(request: { logSeqs: number[]; now: number }): Promise<StalledTaken>;
}

interface SweepDeps {
  store: StalledPort;
  spill: { readonly isInUse: boolean };
  /** Epoch milliseconds. */
  clock: () => number;
  /** Logs were taken up that had no way on. */
  onStalled: (logIds: readonly string[]) => void;
  onRetry: (step: ScheduleStep) => void;
  onTrouble: (what: string, message: string) => void;
}

/**
 * Goes round slowly through what is open, and takes up what nothing is on its way for. What it finds is
 * looked at once more in the next round before it is touched, since it may be just on its way.
 */
export class StalledSweep {
  readonly #deps: SweepDeps;
  readonly #rest: StalledAfter['among'][] = [];
  #after: StalledAfter | null = null;
  /** Found without a way on in this round, and in the one before. */
  #found = new Set<number>();
  #suspects = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  start(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.notify(), EVERY_MS);
  }

  /** Looks at the next ones now. */
  notify(): void {
    this.#running = this.#running.then(() => this.#look());
  }

  /** Waits for the look that is under way. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  /** Never throws. */
  async #look(): Promise<void> {
    const { store, spill, clock, onTrouble } = this.#deps;
    if (this.#timer === undefined || spill.isInUse) return;
    const now = clock();
    try {
      const page = await store.stalledLogs({
        after: this.#next(),
        before: now - STALLED_AFTER_MS,
        limit: CHUNK,
      });
      this.#after = page.next;
      const logSeqs = page.logSeqs.filter((logSeq) => this.#suspects.has(logSeq));
      for (const logSeq of page.logSeqs) this.#found.add(logSeq);
      if (logSeqs.length > 0) await this.#takeUp(logSeqs, now);
    } catch (error) {
      onTrouble('stalled', messageOf(error));
    }
  }

  async #takeUp(logSeqs: number[], now: number): Promise<void> {
    const { store, onStalled, onRetry } = this.#deps;
    const { logIds, retries } = await store.takeUpStalled({ logSeqs, now });
    if (logIds.length > 0) onStalled(logIds);
    for (const step of retries) onRetry(step);
  }

  /** Where to look; the first round begins with what waits longest. */
  #next(): StalledAfter {
    if (this.#after) return this.#after;
    let among = this.#rest.shift();
    if (among === undefined) {
      this.#suspects = this.#found;
      this.#found = new Set();
      this.#rest.push(...FROM_THE_START);
      among = this.#rest.shift() ?? 'PENDING';
    }
    return { among, createdAt: 0, logSeq: 0 };
  }
}
