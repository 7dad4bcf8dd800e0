/** Reads parts of the page anew as they are asked for, several askings at once. */
export interface Refresher<P extends string> {
  /** These are old. They are read at once, or after the pause where something was read just now. */
  need(parts: readonly P[]): void;
  stop(): void;
}

/**
 * Whatever is asked for while something is read is read again afterwards: it may have been read too
 * early.
 *
 * @param read  how each part is read; its failures are shown by whoever reads
 * @param pauseMs between the end of one reading and the next
 */
export function createRefresher<P extends string>(
  read: Record<P, () => Promise<void>>,
  pauseMs: number,
): Refresher<P> {
  const needed = new Set<P>();
  let isBusy = false;
  let isStopped = false;
  let timer: number | undefined;

  async function run(): Promise<void> {
    if (isBusy || isStopped || needed.size === 0) return;
    isBusy = true;
    const parts = [...needed];
    needed.clear();
    await Promise.allSettled(parts.map((part) => read[part]()));
    timer = window.setTimeout(() => {
      isBusy = false;
      void run();
    }, pauseMs);
  }

  return {
    need(parts) {
      for (const part of parts) needed.add(part);
      void run();
    },
    stop() {
      isStopped = true;
      window.clearTimeout(timer);
    },
  };
}
