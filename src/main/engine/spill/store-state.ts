/**
 * Whether the store takes writes, as far as is known. Whoever is told of a refusal says so here; that
 * it is over is found out by whoever asks the store again and again (`SpilledRecords`).
 */
export class StoreState {
  readonly #clock: () => number;
  #refusedSince: number | null = null;
  #onRefused: () => void = () => {};

  /** @param clock epoch milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  get isWritable(): boolean {
    return this.#refusedSince === null;
  }

  /** Epoch milliseconds; null while it takes writes. */
  get refusedSince(): number | null {
    return this.#refusedSince;
  }

  /** @param listener told of each refusal, cheap */
  onRefused(listener: () => void): void {
    this.#onRefused = listener;
  }

  /** The store has refused a write for a reason that is not the write's. */
  refused(): void {
    this.#refusedSince ??= this.#clock();
    this.#onRefused();
  }

  /** The store has just taken a write. */
  back(): void {
    this.#refusedSince = null;
  }
}
