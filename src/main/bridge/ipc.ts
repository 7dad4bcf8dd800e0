import type { IpcMain, IpcMainInvokeEvent, WebContents } from 'electron';
import { z } from 'zod';
import {
  type BridgeAnswer,
  CALL_CHANNEL,
  PUSH_CHANNEL,
  type PushMessage,
  SUBSCRIBE_CHANNEL,
} from '../../shared/contract/bridge.ts';
import { parseInput } from '../../shared/contract/common.ts';
import {
  contract,
  type Input,
  type Output,
  type ProcedureName,
} from '../../shared/contract/index.ts';
import { LabRelayError } from '../../shared/errors.ts';
import { ROLES } from '../../shared/model/vocabulary.ts';
import type { Caller, Handlers } from './handler.ts';
import type { PushSink, PushSource, Subscription } from './pushes/push-hub.ts';

export interface IpcBinding {
  handlers: Handlers<ProcedureName>;
  pushes: PushSource;
  /** Who sits at the desktop. */
  caller: Caller;
  /** The only origin whose page may call, e.g. `http://127.0.0.1:7420`. */
  consoleOrigin: string;
  /** Where faults of our own are written, without input or output. */
  onFault: (fault: { procedure: string; error: unknown }) => void;
}

/**
 * Binds the whole contract to the desktop's channels: one for calls, one for pushes. Whatever a page
 * sends is checked here as it is over HTTP: a preload script keeps no one out who got into the page.
 */
export function bindIpc(ipcMain: Pick<IpcMain, 'handle'>, binding: IpcBinding): void {
  ipcMain.handle(CALL_CHANNEL, (event, name: unknown, input: unknown) =>
    answered(binding, isProcedure(name) ? name : 'unknown', () => {
      refuseStrangers(event, binding.consoleOrigin);
      return call(binding, name, input);
    }),
  );
  const subscribe = createSubscribe(binding.pushes);
  ipcMain.handle(SUBSCRIBE_CHANNEL, (event, lastId: unknown) =>
    answered(binding, 'subscribe', async () => {
      refuseStrangers(event, binding.consoleOrigin);
      subscribe(event.sender, parseInput(z.string().max(100).nullable(), lastId));
      return null;
    }),
  );
}

/** What came of it as data; of a fault of our own the page is told nothing. */
async function answered(
  binding: IpcBinding,
  procedure: string,
  work: () => Promise<unknown>,
): Promise<BridgeAnswer<unknown>> {
  try {
    return { ok: true, output: await work() };
  } catch (error) {
    if (error instanceof LabRelayError && error.code !== 'INTERNAL') {
      return { ok: false, problem: error.toProblem() };
    }
    binding.onFault({ procedure, error });
    const fault = new LabRelayError(
      'INTERNAL',
      'Something went wrong in LabRelay. Its application log tells more.',
    );
    return { ok: false, problem: fault.toProblem() };
  }
}

/** One subscription a window: a page that is loaded anew takes the place of the one before. */
function createSubscribe(pushes: PushSource): (page: WebContents, lastId: string | null) => void {
  const subscriptions = new Map<WebContents, Subscription>();
  return (page, lastId) => {
    const before = subscriptions.get(page);
    before?.end();
    const sink: PushSink = {
      send(told, id) {
        page.send(PUSH_CHANNEL, { pushes: [...told], id } satisfies PushMessage);
        return true;
      },
    };
    subscriptions.set(page, pushes.subscribe(sink, lastId));
    if (before) return;
    page.once('destroyed', () => {
      subscriptions.get(page)?.end();
      subscriptions.delete(page);
    });
  };
}

/** Only the console itself, in the window's main frame, may call; a page framed in it may not. */
function refuseStrangers(event: IpcMainInvokeEvent, consoleOrigin: string): void {
  const frame = event.senderFrame;
  const isConsole =
    frame !== null &&
    frame === event.sender.mainFrame &&
    URL.canParse(frame.url) &&
    new URL(frame.url).origin === consoleOrigin;
  if (!isConsole) {
    throw new LabRelayError('FOREIGN_ORIGIN', 'Only the LabRelay console may call.');
  }
}

async function call(binding: IpcBinding, name: unknown, input: unknown): Promise<unknown> {
  if (!isProcedure(name)) {
    throw new LabRelayError('NOT_FOUND', 'There is no such procedure.');
  }
  const { role, input: inputSchema, output: outputSchema } = contract[name];
  if (ROLES.indexOf(binding.caller.role) < ROLES.indexOf(role)) {
    throw new LabRelayError('FORBIDDEN', `This needs the role ${role} or a stronger one.`);
  }
  // Input and output belong to one name, which a union of functions cannot tell.
  const handler = binding.handlers[name] as (
    input: Input<ProcedureName>,
    caller: Caller,
  ) => Promise<Output<ProcedureName>>;
  const output = await handler(parseInput(inputSchema, input), binding.caller);
  // What the contract does not name stays in the main process.
  return outputSchema.parse(output);
}

function isProcedure(name: unknown): name is ProcedureName {
  return typeof name === 'string' && Object.hasOwn(contract, name);
}
