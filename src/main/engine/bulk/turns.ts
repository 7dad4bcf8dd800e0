/**
 * How many commands of batches the writer has at once: one that it works at, and the next, so that it
 * never waits for it. A single event gets behind two chunks at the most.
 */
const AT_ONCE = 2;

/** Lets works have their turns in the order in which they asked, two at a time. */
export class Turns {
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  /** Runs `work` as soon as its turn has come. @throws what it throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay < AT_ONCE) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn goes over to the next one that waits.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#underWay--;
    }
  }
}
