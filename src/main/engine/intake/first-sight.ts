/** Object keys remembered; some 10 MB at the most. */
const REMEMBERED = 100_000;

/** Events for which nothing is guessed after a wrong guess; doubled at each one that follows. */
const FIRST_PAUSE = 8;
const LONGEST_PAUSE = 1_024;

/**
 * Guesses that an event's objects are new to the store, which spares the reading of them: most
 * bills, samples and reports of a lab are told of for the first time, and the store refuses the
 * event if one of them exists after all (its write names no base version). A wrong guess costs a
 * second try, so it stays silent for a while after one, the longer the more often it is wrong, and
 * about objects that this engine has seen before.
 */
export class FirstSight {
  /** Insertion-ordered, so that the oldest are forgotten. */
  readonly #seen = new Set<string>();
  #pause = FIRST_PAUSE;
  #silentFor = 0;

  /** Whether to take these objects for new. */
  guesses(keys: readonly string[]): boolean {
    if (this.#silentFor > 0) {
      this.#silentFor--;
      return false;
    }
    return keys.every((key) => !this.#seen.has(key));
  }

  /** The objects are in the store from now on. */
  committed(keys: readonly string[], wasGuess: boolean): void {
    if (wasGuess) this.#pause = Math.max(FIRST_PAUSE, this.#pause / 2);
    for (const key of keys) this.#seen.add(key);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }

  /** One of them was known after all. */
  wrong(): void {
    this.#silentFor = this.#pause;
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
  }
}
