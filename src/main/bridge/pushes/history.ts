import type { Change } from '../../../shared/model/change.ts';

/**
 * The newest changes in their order, so that whoever was cut off is told what was missed. Each has a
 * sequence; an id names the last one that somebody was told of, and this start of LabRelay, since
 * sequences begin anew with it.
 */
export class History {
  readonly #epoch: string;
  readonly #size: number;
  readonly #changes: Change[] = [];
  #sequence = 0;
  /** The last sequence that is not kept any more. */
  #forgotten = 0;

  /** @param epoch a name that no other start has @param size how many changes are kept */
  constructor(epoch: string, size: number) {
    this.#epoch = epoch;
    this.#size = size;
  }

  add(change: Change): void {
    this.#changes[this.#sequence % this.#size] = change;
    this.#sequence++;
    if (this.#sequence - this.#forgotten > this.#size) this.#forgotten++;
  }

  /** The id of the last change. */
  get lastId(): string {
    return `${this.#epoch}-${this.#sequence}`;
  }

  /** Changes go by unheard from here on: nothing before can be told whole any more. */
  interrupt(): void {
    this.#sequence++;
    this.#forgotten = this.#sequence;
    this.#changes.length = 0;
  }

  /** What came after an id, or why that is not known any more. */
  since(id: string): Change[] | 'RESTARTED' | 'GAP' {
    const match = /^([0-9a-f]+)-(\d{1,15})$/.exec(id);
    if (match?.[1] !== this.#epoch) return 'RESTARTED';
    const sequence = Number(match[2]);
    if (sequence < this.#forgotten || sequence > this.#sequence) return 'GAP';
    return Array.from(
      { length: this.#sequence - sequence },
      (_, index) => this.#changes[(sequence + index) % this.#size],
    ).filter((change) => change !== undefined);
  }
}
