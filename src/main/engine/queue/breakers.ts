import { fieldError } from '../../../shared/errors.ts';
import type {
  BreakerChange,
  BreakerRecord,
  BreakerSet,
  SetBreaker,
} from '../../../shared/model/breaker.ts';

/** What the room of breakers needs of the store. */
export interface BreakerPort {
  /** Opens or closes a breaker by hand, in one transaction. */
  setBreaker(request: SetBreaker): Promise<BreakerSet>;
  /** Those that are open or have failures in a row. */
  listBreakers(): Promise<BreakerRecord[]>;
}

/** Which integrations a person has stopped, as whoever sends asks before a byte leaves. */
export interface Stops {
  has(labIntegrationId: number): boolean;
}

interface BreakersDeps {
  store: BreakerPort;
  clock: () => number;
  /** A person has opened or closed one, and that is on disk. */
  onChange: (change: BreakerChange) => void;
  /** Gives back what was claimed ahead for an integration that was stopped. */
  giveBack: (labIntegrationId: number) => Promise<void>;
}

/**
 * Circuit breakers as people deal with them. Which ones were opened by hand is also known in memory:
 * what is claimed or stamped already when a person opens one asks here, so that nothing more leaves
 * once they have their answer.
 */
export class Breakers implements Stops {
  readonly #deps: BreakersDeps;
  readonly #openByHand = new Set<number>();

  constructor(deps: BreakersDeps) {
    this.#deps = deps;
  }

  /** Learns what was opened before a restart; comes before the first claim. */
  async load(): Promise<void> {
    for (const breaker of await this.#deps.store.listBreakers()) this.#note(breaker);
  }

  has(labIntegrationId: number): boolean {
    return this.#openByHand.has(labIntegrationId);
  }

  /** Those that are open or have failures in a row. */
  list(): Promise<BreakerRecord[]> {
    return this.#deps.store.listBreakers();
  }

  /**
   * Opens a breaker, so that nothing leaves for its integration, not even a probe, until a person
   * closes it; or closes it, whatever has opened it. Resolves once that is on disk and what was
   * claimed ahead is given back. A repeat changes nothing.
   *
   * @throws LabRelayError `NOT_FOUND`, or what the store throws: then it is as it was
   */
  async set(
    request: Omit<SetBreaker, 'now'>,
  ): Promise<{ breaker: BreakerRecord; isChanged: boolean }> {
    const { store, clock, onChange, giveBack } = this.#deps;
    const { labIntegrationId, state } = request;
    const wasOpen = this.has(labIntegrationId);
    // From now on, not from the commit on: nothing may be sent between that and our hearing of it.
    if (state === 'open') this.#openByHand.add(labIntegrationId);
    let set: BreakerSet;
    try {
      set = await store.setBreaker({ ...request, now: clock() });
    } catch (error) {
      if (!wasOpen) this.#openByHand.delete(labIntegrationId);
      throw error;
    }
    if (set.outcome === 'UNKNOWN_INTEGRATION') {
      this.#openByHand.delete(labIntegrationId);
      throw fieldError(
        'NOT_FOUND',
        'lab_integration_id',
        `there is no integration ${labIntegrationId}`,
      );
    }
    // The store's answers come in the order of its commits, so what is noted last is what stands.
    this.#note(set.breaker);
    if (set.breaker.openReason === 'BY_HAND') await giveBack(labIntegrationId);
    if (set.outcome === 'CHANGED') onChange(set.change);
    return { breaker: set.breaker, isChanged: set.outcome === 'CHANGED' };
  }

  #note({ labIntegrationId, openReason }: BreakerRecord): void {
    if (openReason === 'BY_HAND') this.#openByHand.add(labIntegrationId);
    else this.#openByHand.delete(labIntegrationId);
  }
}
