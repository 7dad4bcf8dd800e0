/** What was changed, so that others can drop what they keep of it (pools, credentials). */
export interface ConfigurationChange {
  kind:
    | 'organization'
    | 'lab'
    | 'action_category'
    | 'developer_authentication'
    | 'lab_integration'
    | 'access_key'
    | 'settings';
  /** Null for the settings, of which there is one. */
  id: number | null;
}

export type ChangeListener = (change: ConfigurationChange) => void;

/** Tells listeners of committed changes. One that throws is reported and breaks nobody else. */
export class Announcer {
  private readonly listeners = new Set<ChangeListener>();
  private readonly reportError: (error: unknown) => void;

  constructor(reportError: (error: unknown) => void) {
    this.reportError = reportError;
  }

  /** @returns ends the subscription. */
  subscribe(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  announce(change: ConfigurationChange): void {
    for (const listener of this.listeners) {
      try {
        listener(change);
      } catch (error) {
        this.reportError(error);
      }
    }
  }
}

/** Runs works one after the other, so that each merges into what the one before has committed. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    // The next in line waits for the end, whichever it is; the fault itself goes to its own caller.
    this.last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}
