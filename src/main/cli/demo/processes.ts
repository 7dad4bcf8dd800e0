import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a child may take to say that it is ready. */
const READY_MS = 20_000;
/** How long it may take to drain before it is killed. */
const DRAIN_MS = 3_000;
/** So much of what a child wrote to standard error is kept, to tell why it died. */
const KEPT_STDERR = 4_000;

/** A command of this very program, running in a process of its own. */
export interface Companion {
  pid: number;
  /** The one JSON line that it printed when it was ready. */
  greeting: unknown;
  /** Rejects when it ends without having been asked to; never resolves otherwise. */
  died: Promise<never>;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts `labrelay <args>` as a child that also stops when this process is killed: its standard
 * input is a pipe that ends with us (see leashed.ts).
 *
 * @param entry the script of the command line, as in `process.argv[1]`
 * @param signal aborts the start
 * @throws Error with what the command said of itself, where it ends before it is ready
 */
export async function startCompanion(
  entry: string,
  args: string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Companion> {
  const child = spawn(process.execPath, [...process.execArgv, entry, 'leashed', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment,
    // A process group of its own: Ctrl-C is for the demo, which then stops its companions in order.
    detached: process.platform !== 'win32',
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-KEPT_STDERR);
  });
  // A child that died has no use for its input; the exit tells the story.
  child.stdin.on('error', () => undefined);
  const name = args[0] ?? '';
  let stopping = false;

  const exited = exitOf(child);
  const died = exited.then((how) => {
    if (stopping) return new Promise<never>(() => undefined);
    throw new Error(`The demo's process "${name}" ended (${how}). ${complaints.trim()}`.trim());
  });
  // Watched by those who wait for it; an end while nobody waits must not count as unhandled.
  died.catch(() => undefined);

  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill('SIGTERM');
    const gone = await Promise.race([exited, delay(DRAIN_MS, null, { ref: false })]);
    if (gone === null) child.kill('SIGKILL');
    await exited;
  };

  try {
    const greeting = await Promise.race([died, firstLine(child), late(name, signal)]);
    return { pid: child.pid ?? 0, greeting, died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves when the child is gone, with how it ended. Also where it could not be started. */
async function exitOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return signal ?? `code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function firstLine(child: ChildProcess): Promise<unknown> {
  if (!child.stdout) throw new Error('the child was started without a pipe');
  const lines = createInterface({ input: child.stdout });
  const [text] = (await once(lines, 'line')) as [string];
  // What it prints from now on is nobody's; unread, it would fill the pipe and stop the child.
  lines.close();
  child.stdout.resume();
  const greeting: unknown = JSON.parse(text);
  const refusal = (greeting as { error?: { detail?: unknown } } | null)?.error?.detail;
  if (typeof refusal === 'string') throw new Error(refusal);
  return greeting;
}

async function late(name: string, signal: AbortSignal): Promise<never> {
  await delay(READY_MS, undefined, { ref: false, signal });
  throw new Error(`The demo's process "${name}" was not ready within ${READY_MS / 1_000} s.`);
}
