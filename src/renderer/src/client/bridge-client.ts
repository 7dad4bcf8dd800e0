import type { DesktopBridge } from '../../../shared/contract/bridge.ts';
import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import { fromProblem } from '../../../shared/errors.ts';
import { type Client, type PushListener, UnreachableError, type Who } from './client.ts';

/** How long after a refusal pushes are asked for again (ms). */
const AGAIN_MS = 5_000;

const DESKTOP: Who = { name: 'this computer', role: 'admin' };

/** Calls procedures over the desktop's bridge; the main process knows who sits there. */
export function bridgeClient(bridge: DesktopBridge): Client {
  async function call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>> {
    const answer = await bridge.call(name, input).catch((error: unknown) => {
      throw new UnreachableError('LabRelay does not answer.', { cause: error });
    });
    if (answer.ok) return answer.output;
    throw fromProblem(answer.problem);
  }
  /** The bridge has one listener; whoever comes later takes its place. */
  function subscribe(listener: PushListener): () => void {
    let isEnded = false;
    let timer: number | undefined;
    async function ask(): Promise<void> {
      const answer = await bridge
        .subscribe(null, ({ pushes }) => {
          if (!isEnded) for (const push of pushes) listener.onPush(push);
        })
        .catch(() => null);
      if (isEnded) return;
      listener.onLine(answer?.ok ? 'live' : 'offline');
      if (!answer?.ok) timer = window.setTimeout(() => void ask(), AGAIN_MS);
    }
    void ask();
    return () => {
      isEnded = true;
      window.clearTimeout(timer);
    };
  }
  return {
    needsSignIn: false,
    subscribe,
    call,
    health: () => call('getHealth', {}),
    // Whoever may use this account of this computer administers its LabRelay.
    who: async () => DESKTOP,
    signIn: async () => DESKTOP,
    signOut: async () => {},
  };
}
