import { messageOf } from '../../../shared/errors.ts';

/** Deliveries whose wait one command ends: other work comes between the commands. */
const CHUNK = 500;
/** Wait before the store is asked again, where it could not go on (ms). */
const AGAIN_AFTER_MS = 1_000;

/** What the room needs of the store. */
export interface RecoveryPort {
  /** Ends the waits of a chunk of what is scheduled for endpoints that have recovered. */
  releaseRecovered(request: { limit: number }): Promise<{ released: number; isMore: boolean }>;
}

/**
 * Lets what is scheduled for an endpoint go as soon as that has recovered. Which ones have is on disk, so
 * a start goes on with what a former life left.
 */
export class Recoveries {
  readonly #store: RecoveryPort;
  readonly #onReleased: () => void;
  readonly #onTrouble: (message: string) => void;
  #isWanted = false;
  #stopped = true;
  #working: Promise<void> | null = null;
  #later: NodeJS.Timeout | undefined;

  /** @param deps.onReleased scheduled deliveries are due now */
  constructor(deps: {
    store: RecoveryPort;
    onReleased: () => void;
    onTrouble: (message: string) => void;
  }) {
    this.#store = deps.store;
    this.#onReleased = deps.onReleased;
    this.#onTrouble = deps.onTrouble;
  }

  start(): void {
    this.#stopped = false;
    this.notify();
  }

  /** Says that an endpoint may have recovered. Cheap. */
  notify(): void {
    this.#isWanted = true;
    if (this.#stopped) return;
    this.#working ??= this.#work();
  }

  /** Ends behind the chunk under way. Idempotent; the next start goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#later);
    await this.#working;
  }

  /** Never throws. */
  async #work(): Promise<void> {
    try {
      while (this.#isWanted && !this.#stopped) {
        this.#isWanted = false;
        const { released, isMore } = await this.#store.releaseRecovered({ limit: CHUNK });
        if (released > 0) this.#onReleased();
        this.#isWanted ||= isMore;
      }
    } catch (error) {
      this.#onTrouble(messageOf(error));
      clearTimeout(this.#later);
      if (!this.#stopped) this.#later = setTimeout(() => this.notify(), AGAIN_AFTER_MS);
    } finally {
      this.#working = null;
    }
  }
}
