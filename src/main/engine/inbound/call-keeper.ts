import { messageOf } from '../../../shared/errors.ts';
import type { InboundCall } from '../../../shared/model/call.ts';
import type { Spill } from '../../../shared/model/spill.ts';
import type { CallPort } from './port.ts';

/**
 * The one place where a call is kept by itself, outside whatever its handler has done or undone: in
 * the store, or where that cannot be written in the spill journal.
 */
export class CallKeeper {
  readonly #store: CallPort;
  readonly #spill: Spill | null;
  readonly #onTrouble: (message: string) => void;
  readonly #underWay = new Set<Promise<boolean>>();
  #lost = 0;

  constructor(deps: {
    store: CallPort;
    spill?: Spill | null;
    onTrouble: (message: string) => void;
  }) {
    this.#store = deps.store;
    this.#spill = deps.spill ?? null;
    this.#onTrouble = deps.onTrouble;
  }

  /** Calls since the start whose log could be kept nowhere. */
  get lost(): number {
    return this.#lost;
  }

  /** @returns whether it is on disk; never throws, since the call itself has its answer already */
  async keep(call: InboundCall): Promise<boolean> {
    const keeping = this.#keep(call);
    this.#underWay.add(keeping);
    const isKept = await keeping;
    this.#underWay.delete(keeping);
    return isKept;
  }

  /** Waits for what is being kept. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #keep(call: InboundCall): Promise<boolean> {
    try {
      await this.#store.keepCall(call);
      return true;
    } catch (error) {
      this.#onTrouble(messageOf(error));
    }
    try {
      if (this.#spill && (await this.#spill.keep({ kind: 'CALL', call }))) return true;
    } catch (error) {
      this.#onTrouble(messageOf(error));
    }
    this.#lost += 1;
    return false;
  }
}
