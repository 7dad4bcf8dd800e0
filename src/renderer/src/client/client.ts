import type { DesktopBridge } from '../../../shared/contract/bridge.ts';
import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import type { Who as SignedIn } from '../../../shared/contract/people.ts';
import type { Push } from '../../../shared/contract/pushes.ts';

/** Health as it is told to anyone; the figures beside it need a key. */
export type Health = Pick<
  Output<'getHealth'>,
  'status' | 'version' | 'started_at' | 'uptime_s' | 'checks' | 'banners'
>;

/** Who is at the console. */
export type Who = Pick<SignedIn, 'name' | 'role'>;

/** How the line stands on which pushes come. */
export type Line = 'live' | 'reconnecting' | 'offline';

/** Who is told what has changed. */
export interface PushListener {
  onPush(push: Push): void;
  /** `live` each time the line is there again: whatever was read before may be old. */
  onLine(line: Line): void;
}

/**
 * The console's only way to the engine. It never asks where it runs: one implementation calls over
 * HTTP, one over the desktop's bridge. All of it throws as `call` does.
 */
export interface Client {
  /** Whether people sign in and out; the desktop knows who sits there. */
  readonly needsSignIn: boolean;
  /**
   * @throws LabRelayError  the engine refused, see its code
   * @throws UnreachableError  no answer came
   */
  call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>>;
  /** The engine's health, told without a key. */
  health(): Promise<Health>;
  /** Who has signed in; refused (`UNAUTHENTICATED`) where nobody has. */
  who(): Promise<Who>;
  /** Opens a session with a user key; the page does not keep the key. */
  signIn(key: string): Promise<Who>;
  signOut(): Promise<void>;
  /** Has pushes told until the function is called that it returns. Never throws. */
  subscribe(listener: PushListener): () => void;
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
