import type { Problem } from '../errors.ts';
import type { CallInput, Output, ProcedureName } from './index.ts';

/** The one IPC channel on which the desktop console calls procedures. */
export const CALL_CHANNEL = 'labrelay:call';

/** An answer over IPC. Errors travel as data, since Electron keeps only an error's message. */
export type BridgeAnswer<T> = { ok: true; output: T } | { ok: false; problem: Problem };

/** What the preload script exposes to the console as `window.labrelay`; nothing else is exposed. */
export interface DesktopBridge {
  call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<BridgeAnswer<Output<N>>>;
}
