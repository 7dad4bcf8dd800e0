import { messageOf } from '../../../shared/errors.ts';
import type { BulkRetry, BulkStop, QueuedBulkItem } from '../../../shared/model/bulk-retry.ts';
import { endOf } from '../../../shared/model/bulk-retry-steps.ts';
import type { BulkPlanner } from './bulk-planner.ts';
import type { BulkRunPort } from './bulk-port.ts';
import type { BulkSender } from './bulk-sender.ts';
import { BulkPace } from './bulk-pace.ts';
import { Waker } from './bulk-waker.ts';

/** Rows that one command takes out: other work comes between the commands. */
const CHUNK = 500;
/** How often what is queued is looked at where nobody tells that anything has ended (ms). */
const LOOK_MS = 1_000;
/** Wait before the store is asked again, where it could not go on (ms). */
const AGAIN_AFTER_MS = 1_000;

interface BulkRunnerParts {
  store: BulkRunPort;
  planner: Pick<BulkPlanner, 'step'>;
  sender: Pick<BulkSender, 'send'>;
  /** Whether the store refuses writes just now. */
  isStoreRefusing: () => boolean;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Told of every bulk retry whose counts or state may have changed. */
  onChange: (bulkRetryId: string) => void;
  /** Told once, when one stops by itself. */
  onStopped: (bulk: BulkRetry, stop: BulkStop) => void;
  /** What waited behind a log that was taken out may be ready. */
  onTakenOut: () => void;
  onTrouble: (what: string, message: string) => void;
}

/** A bulk retry that is being planned, sent, watched or taken out. */
interface Work {
  waker: Waker;
  pace: BulkPace | null;
  /** Somebody has done something to it since it was last looked at. */
  again: boolean;
  done: Promise<void>;
}

/**
 * Carries bulk retries on: finds their logs, hands them to the queue, sees what became of them. Where
 * each stands is in the store and read anew with every step, so a start goes on with what a former life
 * left, and what a person says holds from the next step on.
 */
export class BulkRunner {
  readonly #parts: BulkRunnerParts;
  readonly #works = new Map<number, Work>();
  #stopped = true;

  constructor(parts: BulkRunnerParts) {
    this.#parts = parts;
  }

  /** Goes on with what a former life left: what was going goes on, what stood still stays so. */
  async start(): Promise<void> {
    this.#stopped = false;
    for (const bulkRetrySeq of await this.#parts.store.unfinishedBulkRetries()) {
      this.takeUp(bulkRetrySeq);
    }
  }

  /** Attempts have ended: those of bulk retries may be among them. Cheap. */
  notify(): void {
    for (const { waker } of this.#works.values()) waker.wake();
  }

  /** Something was done to a bulk retry. */
  takeUp(bulkRetrySeq: number): void {
    if (this.#stopped) return;
    const known = this.#works.get(bulkRetrySeq);
    if (known) {
      known.again = true;
      known.waker.hurry();
      return;
    }
    const work: Work = { waker: new Waker(), pace: null, again: false, done: Promise.resolve() };
    this.#works.set(bulkRetrySeq, work);
    work.done = this.#carryOn(bulkRetrySeq, work);
  }

  /** Ends behind the steps under way. Idempotent; the next start goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { waker } of this.#works.values()) waker.hurry();
    await Promise.all([...this.#works.values()].map(({ done }) => done));
  }

  async #carryOn(bulkRetrySeq: number, work: Work): Promise<void> {
    let isFailing = false;
    while (!this.#stopped) {
      work.again = false;
      let rest: number | null = AGAIN_AFTER_MS;
      try {
        if (!this.#parts.isStoreRefusing()) {
          const bulk = await this.#parts.store.bulkRetry(bulkRetrySeq);
          rest = bulk && (await this.#step(bulk, work));
          isFailing = false;
        }
      } catch (error) {
        // Told once: it may fail for as long as nobody mends it.
        if (!isFailing && !this.#stopped) this.#parts.onTrouble('bulk_retry', messageOf(error));
        isFailing = true;
      }
      if (rest === null && !work.again) break;
      if (rest !== null && rest > 0 && !this.#stopped) await work.waker.rest(rest);
    }
    this.#works.delete(bulkRetrySeq);
  }

  /** @returns how long to rest before the next step (ms); null: nothing is left to do for now */
  async #step(bulk: BulkRetry, work: Work): Promise<number | null> {
    const { store, clock, planner, onChange } = this.#parts;
    const { bulkRetrySeq, bulkRetryId } = bulk;
    switch (bulk.state) {
      case 'PLANNING':
        await planner.step(bulk);
        onChange(bulkRetryId);
        return 0;
      case 'PLANNED':
      case 'DONE':
        return null;
      case 'PAUSED':
      case 'STOPPED': {
        const queued = await this.#settle(bulk);
        return queued.length > 0 ? LOOK_MS : null;
      }
      case 'CANARY':
      case 'RUNNING':
        return this.#run(bulk, work);
      case 'CANCELLED': {
        if (bulk.endedAt !== null) return null;
        const now = clock();
        if ((await store.cancelBulkItems({ bulkRetrySeq, limit: CHUNK, now })) > 0) {
          this.#parts.onTakenOut();
          onChange(bulkRetryId);
          return 0;
        }
        await this.#settle(bulk);
        return this.#ended(bulk);
      }
    }
  }

  async #run(bulk: BulkRetry, work: Work): Promise<number | null> {
    const { clock, sender } = this.#parts;
    const queued = await this.#settle(bulk);
    work.pace ??= new BulkPace(bulk.options.ratePerMinute, clock());
    const sent = await sender.send(bulk, queued, work.pace, () => this.#stopped);
    if (sent.stopped) this.#parts.onStopped(bulk, sent.stopped);
    switch (sent.kind) {
      case 'GOES_ON':
        this.#parts.onChange(bulk.bulkRetryId);
        return 0;
      case 'PACED':
        return Math.min(LOOK_MS, sent.ms);
      case 'WAITS':
        return LOOK_MS;
      case 'NOTHING_LEFT':
        return this.#ended(bulk);
    }
  }

  /** Notes what has ended. @returns what is still in the queue */
  async #settle(bulk: BulkRetry): Promise<QueuedBulkItem[]> {
    const { store, clock, onChange, onStopped } = this.#parts;
    const { bulkRetrySeq, bulkRetryId } = bulk;
    const queued = await store.queuedBulkItems({ bulkRetrySeq, bulkRetryId });
    const now = clock();
    const ended = queued.flatMap((item) => endOf(item, bulkRetryId, now) ?? []);
    if (ended.length === 0) return queued;
    const { stopped } = await store.settleBulkItems({ bulkRetrySeq, ended, now });
    if (stopped) onStopped(bulk, stopped);
    onChange(bulkRetryId);
    const positions = new Set(ended.map(({ position }) => position));
    return queued.filter(({ position }) => !positions.has(position));
  }

  /** Ends it, where nothing is left of it. @returns how long to rest before the next step (ms) */
  async #ended(bulk: BulkRetry): Promise<number | null> {
    const { store, clock, onChange } = this.#parts;
    const { bulkRetrySeq, bulkRetryId } = bulk;
    const counts = await store.bulkCounts(bulkRetrySeq);
    if (counts.waiting + counts.queued > 0) return LOOK_MS;
    const isOver = await store.endBulkRetry({ bulkRetrySeq, counts, now: clock() });
    if (isOver) onChange(bulkRetryId);
    return isOver ? null : LOOK_MS;
  }
}
