import type { DesktopBridge } from '../../../shared/contract/bridge.ts';
import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import { fromProblem } from '../../../shared/errors.ts';
import { type Client, UnreachableError, type Who } from './client.ts';

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
  return {
    needsSignIn: false,
    call,
    health: () => call('getHealth', {}),
    // Whoever may use this account of this computer administers its LabRelay.
    who: async () => DESKTOP,
    signIn: async () => DESKTOP,
    signOut: async () => {},
  };
}
