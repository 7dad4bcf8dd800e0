import type { Problem } from '../errors.ts';
import type { CallInput, Output, ProcedureName } from './index.ts';
import type { Push } from './pushes.ts';

/** The one IPC channel on which the desktop console calls procedures. */
export const CALL_CHANNEL = 'labrelay:call';

/** The one on which it asks for pushes, and the one on which they come. */
export const SUBSCRIBE_CHANNEL = 'labrelay:subscribe';
export const PUSH_CHANNEL = 'labrelay:push';

/** Pushes as they come over IPC, with the id to come back with after an interruption. */
export interface PushMessage {
  pushes: Push[];
  id: string;
}

/** An answer over IPC. Errors travel as data, since Electron keeps only an error's message. */
export type BridgeAnswer<T> = { ok: true; output: T } | { ok: false; problem: Problem };

/** What the preload script exposes to the console as `window.labrelay`; nothing else is exposed. */
export interface DesktopBridge {
  call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<BridgeAnswer<Output<N>>>;
  /**
   * Has pushes told from now on, in place of an earlier listener.
   * @param lastId the last id that the page was told; null: it comes for the first time
   */
  subscribe(
    lastId: string | null,
    listener: (message: PushMessage) => void,
  ): Promise<BridgeAnswer<null>>;
}
