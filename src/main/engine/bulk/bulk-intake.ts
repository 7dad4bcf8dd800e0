import { type BulkCall, Receiving, type ReceivingParts } from './receive.ts';

/** Takes batches: many events, or ready tasks, in one call. */
export class BulkIntake {
  readonly #parts: ReceivingParts;

  constructor(parts: ReceivingParts) {
    this.#parts = parts;
  }

  /** Begins to take a batch; nothing is kept before its first records. */
  receive(call: BulkCall): Receiving {
    return new Receiving(this.#parts, call);
  }
}
