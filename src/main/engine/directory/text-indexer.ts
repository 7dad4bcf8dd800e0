import type { DirectoryPort } from './port.ts';

/** Logs indexed in one command; small, so that a delivery's commit never waits long behind it. */
const BATCH = 100;
const POLL_MS = 250;
/** Deliveries, and records built, in one poll's time from which the index holds back. */
const BUSY_FROM = 50;
/** Batches of one poll: while they are that many, and otherwise. */
const BATCHES_WHEN_BUSY = 1;
const BATCHES = 20;

/**
 * Keeps the text index filled behind the deliveries' commits. While there are many it goes slowly:
 * a search covers what is not indexed yet, so lateness costs a searcher a little and nobody else
 * anything.
 */
export class TextIndexer {
  readonly #store: Pick<DirectoryPort, 'indexText'>;
  readonly #work: () => number;
  readonly #onTrouble: (what: string, message: string) => void;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = true;
  #workBefore = 0;

  constructor(deps: {
    store: Pick<DirectoryPort, 'indexText'>;
    /** Deliveries made, and records of batches built, since the start; only its growth counts. */
    work: () => number;
    onTrouble: (what: string, message: string) => void;
  }) {
    this.#store = deps.store;
    this.#work = deps.work;
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
    const work = this.#work();
    const isBusy = work - this.#workBefore >= BUSY_FROM;
    this.#workBefore = work;
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
