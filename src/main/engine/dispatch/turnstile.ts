/** Lets one through at a time, in the order of coming. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();

  /**
   * Waits for the one before, then runs `first`.
   * @returns the way out, which must be taken; where `first` throws it has been taken already
   */
  async enter(first: () => Promise<void>): Promise<{ leave: () => void }> {
    const before = this.#last;
    let leave: () => void = () => {};
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    try {
      await first();
    } catch (error) {
      leave();
      throw error;
    }
    return { leave };
  }
}
