import type { DesktopBridge } from '../../../shared/contract/bridge.ts';
import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';

/** Health as it is told to anyone; the figures beside it need a key. */
export type Health = Pick<
  Output<'getHealth'>,
  'status' | 'version' | 'started_at' | 'uptime_s' | 'checks' | 'banners'
>;

/**
 * The console's only way to the engine. It never asks where it runs: one implementation calls over
 * HTTP, one over the desktop's bridge.
 */
export interface Client {
  /** Whether calls need a user key, i.e. whether the console must ask for one. */
  readonly needsKey: boolean;
  /**
   * @throws LabRelayError  the engine refused, see its code
   * @throws UnreachableError  no answer came
   */
  call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>>;
  /** The engine's health, told without a key. Throws as `call` does. */
  health(): Promise<Health>;
  /** Sets the key that further calls carry; null forgets it. */
  setKey(key: string | null): void;
}

/** The engine gave no answer: it is stopped, or the way to it is broken. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

declare global {
  interface Window {
    /** Set by the preload script; absent in a browser. */
    labrelay?: DesktopBridge;
  }
}
