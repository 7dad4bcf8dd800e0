/** How long refusals are gathered into one entry (ms). */
const GATHERED_MS = 60_000;
/** So many addresses are named in one entry. */
const NAMED = 5;
/** So many addresses are counted apart; beyond, only the whole is counted. */
const COUNTED_APART = 1_000;

interface Refusals {
  count: number;
  addresses: string[];
}

/**
 * Counts refused sign-ins for the audit chain. The first is told at once, and what follows within a
 * minute in one entry at its end: whoever guesses gets two entries a minute, not thousands.
 */
export class RefusedSignIns {
  readonly #append: (refusals: Refusals) => Promise<unknown>;
  readonly #onTrouble: (error: unknown) => void;
  readonly #gatheredMs: number;
  #byAddress = new Map<string, number>();
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: {
    append: (refusals: Refusals) => Promise<unknown>;
    onTrouble: (error: unknown) => void;
    gatheredMs?: number;
  }) {
    this.#append = deps.append;
    this.#onTrouble = deps.onTrouble;
    this.#gatheredMs = deps.gatheredMs ?? GATHERED_MS;
  }

  count(address: string): void {
    this.#count += 1;
    const known = this.#byAddress.get(address);
    if (known !== undefined || this.#byAddress.size < COUNTED_APART) {
      this.#byAddress.set(address, (known ?? 0) + 1);
    }
    if (this.#timer) return;
    void this.#tell();
    this.#gather();
  }

  /** Tells what was counted since. Idempotent. */
  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#tell();
  }

  /** Goes on for as long as there is something to tell at the end of a minute. */
  #gather(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#count === 0) return;
      void this.#tell();
      this.#gather();
    }, this.#gatheredMs);
    this.#timer.unref();
  }

  async #tell(): Promise<void> {
    if (this.#count === 0) return;
    const busiest = [...this.#byAddress].sort((a, b) => b[1] - a[1]).slice(0, NAMED);
    const refusals = { count: this.#count, addresses: busiest.map(([address]) => address) };
    this.#count = 0;
    this.#byAddress = new Map();
    try {
      await this.#append(refusals);
    } catch (error) {
      this.#onTrouble(error);
    }
  }
}
