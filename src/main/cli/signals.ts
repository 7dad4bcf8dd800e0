const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Waits for the wish to stop. */
export interface StopSignal {
  /** Resolves at the first signal. */
  asked: Promise<void>;
  /** Gives the signals back their default meaning. */
  forget(): void;
}

/** Signals so close together are one wish: `timeout` sends two, a wrapper may forward what we got. */
const SAME_WISH_MS = 500;

/**
 * Turns the first stop signal into a promise, so that a command can drain. A later one ends the
 * process at once with code 1: whoever sends it does not want to wait, and what is stored is
 * recovered at the next start.
 */
export function stopSignal(): StopSignal {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  let first: number | null = null;
  const onSignal = (): void => {
    first ??= performance.now();
    if (performance.now() - first > SAME_WISH_MS) process.exit(1);
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    asked,
    forget: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
