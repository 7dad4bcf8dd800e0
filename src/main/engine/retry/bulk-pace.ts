/** What may go at once after a rest: as much as goes in this time (ms). */
const BURST_MS = 1_000;

/** Spreads a bulk retry's logs over time, so many a minute, never more than a second's worth at once. */
export class BulkPace {
  readonly #apartMs: number;
  readonly #burst: number;
  /** When the next one may go (epoch ms). */
  #next: number;
  #now: number;

  /** @param now epoch milliseconds; the first may go then */
  constructor(ratePerMinute: number, now: number) {
    this.#apartMs = 60_000 / ratePerMinute;
    this.#burst = Math.max(1, Math.floor(BURST_MS / this.#apartMs));
    this.#next = now;
    this.#now = now;
  }

  /** How many may go now. */
  available(now: number): number {
    this.#now = now;
    // Never longer than for one, for a clock that was set back; and a rest is not made up for.
    const latest = now + this.#apartMs;
    const earliest = now - this.#burst * this.#apartMs;
    this.#next = Math.min(latest, Math.max(earliest, this.#next));
    if (this.#next > now) return 0;
    return Math.min(this.#burst, Math.floor((now - this.#next) / this.#apartMs) + 1);
  }

  /** So many have gone. */
  spend(count: number): void {
    this.#next += count * this.#apartMs;
  }

  /** How long from when it was last asked until the next one may go (ms); 0: it may. */
  wait(): number {
    return Math.max(0, Math.ceil(this.#next - this.#now));
  }
}
