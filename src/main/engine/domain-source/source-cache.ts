import type { SourceAnswer } from './source-reader.ts';

/** Objects remembered at most; beyond, the oldest is forgotten. */
const REMEMBERED = 10_000;

/** How long a lab system that could not be reached is left alone (ms). */
export const LEFT_ALONE_MS = 15_000;

interface Entry {
  answer: Promise<SourceAnswer>;
  /** Until when it is answered from here (ms); endless while the call is under way. */
  until: number;
}

/**
 * Spares a lab's information system repeated calls: a retry of ten thousand logs asks for each
 * object once, and a system that is down costs one time-out, not ten thousand.
 */
export class SourceCache {
  readonly #entries = new Map<string, Entry>();
  readonly #leftAloneUntil = new Map<number, { until: number; message: string }>();
  readonly #clock: () => number;

  /** @param clock epoch milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * Asks once for all who ask at the same time, and remembers what was found.
   * @param read asks the lab system; it does not throw
   */
  ask(
    labId: number,
    object: string,
    cacheMs: number,
    read: () => Promise<SourceAnswer>,
  ): Promise<SourceAnswer> {
    const key = `${labId} ${object}`;
    const known = this.#entries.get(key);
    if (known && known.until > this.#clock()) return known.answer;
    const down = this.#leftAloneUntil.get(labId);
    if (down && down.until > this.#clock()) {
      const { message } = down;
      return Promise.resolve({ outcome: 'FAILED', step: 'request', message, statusCode: null });
    }
    const entry: Entry = { answer: read(), until: Number.POSITIVE_INFINITY };
    this.#entries.delete(key);
    this.#forgetOldest();
    this.#entries.set(key, entry);
    void entry.answer.then((answer) => this.#ended(labId, key, entry, cacheMs, answer));
    return entry.answer;
  }

  /** Forgets everything: a lab's source or its credentials have changed. */
  clear(): void {
    this.#entries.clear();
    this.#leftAloneUntil.clear();
  }

  #ended(labId: number, key: string, entry: Entry, cacheMs: number, answer: SourceAnswer): void {
    const now = this.#clock();
    if (answer.outcome === 'FOUND') {
      entry.until = now + cacheMs;
      return;
    }
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    // One that answers, whatever it says, is not down.
    if (answer.outcome === 'FAILED' && answer.step === 'request' && answer.statusCode === null) {
      this.#leftAloneUntil.set(labId, { until: now + LEFT_ALONE_MS, message: answer.message });
    }
  }

  #forgetOldest(): void {
    if (this.#entries.size < REMEMBERED) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
