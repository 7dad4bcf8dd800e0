/** What has been opened so far, to be closed again: last opened, first closed. */
export class OpenedParts {
  readonly #closers: (() => Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  /** Notes how to close what was just opened. */
  push(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Closes all, even if one fails. Idempotent. @throws AggregateError of what failed */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const faults: unknown[] = [];
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, 'LabRelay did not close cleanly');
  }
}
