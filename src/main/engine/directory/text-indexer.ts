import type { DirectoryPort } from './port.ts';

/** Logs indexed in one command; small, so that a delivery's commit never waits long behind it. */
const BATCH = 100;
const POLL_MS = 250;
/** Deliveries in one poll's time from which the index holds back. */
const BUSY_FROM = 50;
/** Batches of one poll: while deliveries are busy, and otherwise. */
const BATCHES_WHEN_BUSY = 1;
const BATCHES = 20;

/**
 * Keeps the text index filled behind the deliveries' commits. While they are busy it goes slowly:
 * a search covers what is not indexed yet, so lateness costs a searcher a little and nobody else
 * anything.
 */
export class TextIndexer {
  readonly #store: Pick<DirectoryPort, 'indexText'>;
  readonly #deliveries: () => number;
  readonly #onTrouble: (what: string, message: string) => void;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = true;
  #deliveriesBefore = 0;

  constructor(deps: {
    store: Pick<DirectoryPort, 'indexText'>;
    /** How many deliveries there have been since the start; only its growth counts. */
    deliveries: () => number;
    onTrouble: (what: string, message: string) => void;
  }) {
    this.#store = deps.store;
    this.#deliveries = deps.deliveries;
    this.#onTrouble = deps.onTrouble;
  }

  start(): void {
    this.#stopped = false;
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    await this.#running;
  }

  #poll(): void {
    const deliveries = this.#deliveries();
    const isBusy = deliveries - this.#deliveriesBefore >= BUSY_FROM;
    this.#deliveriesBefore = deliveries;
    this.#running ??= this.#fill(isBusy ? BATCHES_WHEN_BUSY : BATCHES).finally(() => {
      this.#running = null;
    });
  }

  async #fill(batches: number): Promise<void> {
    try {
      for (let batch = 0; batch < batches && !this.#stopped; batch++) {
        if ((await this.#store.indexText(BATCH)) < BATCH) return;
      }
    } catch (error) {
      this.#onTrouble('index', error instanceof Error ? error.message : 'unknown error');
    }
  }
}
