/** Runs work one at a time per key, in the order of arrival; work on other keys is not held up. */
export class KeyedQueue {
  /** Per key the end of the last work queued on it. */
  readonly #ends = new Map<string, Promise<void>>();

  /** Whether work on any of the keys runs or waits. */
  isBusy(keys: readonly string[]): boolean {
    return this.#ends.size > 0 && keys.some((key) => this.#ends.has(key));
  }

  /** Runs `work` alone on all its keys. Taking them all at once, in one tick, rules out deadlock. */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#ends.get(key) ?? []);
    const { promise: end, resolve } = Promise.withResolvers<void>();
    for (const key of keys) this.#ends.set(key, end);
    await Promise.all(before);
    try {
      return await work();
    } finally {
      for (const key of keys) if (this.#ends.get(key) === end) this.#ends.delete(key);
      resolve();
    }
  }
}
