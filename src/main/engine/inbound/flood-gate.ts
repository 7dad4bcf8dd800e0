/** Calls of one subject, and of all, since the window began (ms). */
interface Window {
  since: number;
  calls: number;
}

/** How many subjects are remembered; beyond, the longest known is forgotten. */
const REMEMBERED = 10_000;

const WINDOW_MS = 60_000;

/**
 * Bounds how many logs strangers can make: whoever has no key could otherwise fill the disk, and
 * whoever has one could with calls that are over its limit. What is beyond is refused all the same,
 * and counted.
 */
export class FloodGate {
  readonly #perSubject: number;
  readonly #inAll: number;
  readonly #now: () => number;
  readonly #subjects = new Map<string, Window>();
  #all: Window = { since: 0, calls: 0 };

  /** @param options calls a minute; `now` in milliseconds */
  constructor(options: { perSubject?: number; inAll?: number; now?: () => number } = {}) {
    this.#perSubject = options.perSubject ?? 60;
    this.#inAll = options.inAll ?? 600;
    this.#now = options.now ?? Date.now;
  }

  /** Whether one more log of this subject (an address, a key) may be made; counts it. */
  passes(subject: string): boolean {
    const now = this.#now();
    if (isOver(this.#all, now)) this.#all = { since: now, calls: 0 };
    if (this.#all.calls >= this.#inAll) return false;
    const window = this.#windowOf(subject, now);
    if (window.calls >= this.#perSubject) return false;
    window.calls += 1;
    this.#all.calls += 1;
    return true;
  }

  #windowOf(subject: string, now: number): Window {
    const known = this.#subjects.get(subject);
    if (known && !isOver(known, now)) return known;
    this.#subjects.delete(subject);
    if (this.#subjects.size >= REMEMBERED) {
      const oldest = this.#subjects.keys().next();
      if (!oldest.done) this.#subjects.delete(oldest.value);
    }
    const window = { since: now, calls: 0 };
    this.#subjects.set(subject, window);
    return window;
  }
}

/** Over, too, where the clock was set back. */
function isOver({ since }: Window, now: number): boolean {
  return now >= since + WINDOW_MS || now < since;
}
