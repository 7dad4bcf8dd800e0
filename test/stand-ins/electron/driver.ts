import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a test can have the stand-in do. */
export type Command =
  | { do: 'second-instance' }
  | { do: 'quit' }
  | { do: 'paths' }
  | { do: 'permission'; name: string }
  | WindowCommand;

/** What a test can have the first window do. */
export type WindowCommand =
  /** Tells what the preload script exposed. */
  | { do: 'world' }
  /** Calls `window.labrelay.call(…args)`; `frame` plays another frame than the window's own. */
  | { do: 'call'; args: unknown[]; frame?: { url: string } }
  /** Calls `window.labrelay.subscribe`; what it hears is told as `push`. */
  | { do: 'subscribe'; lastId: string | null; frame?: { url: string } }
  | { do: 'navigate'; url: string }
  | { do: 'redirect'; url: string }
  | { do: 'attach' }
  | { do: 'open'; url: string }
  | { do: 'close' };

/** Something the main process did. */
export interface Told {
  event: string;
  [detail: string]: unknown;
}

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const LIMIT_MS = 20_000;

/** The built desktop main process, running on the stand-in in a process of its own. */
export class Desktop {
  readonly child: ChildProcess;
  readonly told: Told[] = [];
  /** Standard output and error so far. */
  output = '';
  /** Exit code, or signal; resolves at the end. */
  readonly ended: Promise<number | string | null>;
  #lastId = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  constructor(args: string[], env: NodeJS.ProcessEnv = {}) {
    this.child = fork('out/main/index.js', args, {
      cwd: root,
      execArgv: ['--import', './test/stand-ins/electron/register.ts'],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    this.child.stdout?.on('data', (chunk) => (this.output += String(chunk)));
    this.child.stderr?.on('data', (chunk) => (this.output += String(chunk)));
    this.child.on('message', (message: Told | Answer) => {
      if ('event' in message) this.told.push(message);
      else this.#waiting.get(message.id)?.(message);
    });
    this.ended = once(this.child, 'exit').then(([code, signal]) => code ?? signal);
  }

  /** Waits for the first event of that name. */
  async until(event: string): Promise<Told> {
    const find = () => this.told.find((told) => told.event === event);
    const deadline = AbortSignal.timeout(LIMIT_MS);
    for (;;) {
      const told = find();
      if (told) return told;
      const next = once(this.child, 'message', { signal: deadline });
      const ended = this.ended.then((how) => {
        throw new Error(`ended (${how}) before "${event}": ${this.output}`);
      });
      await Promise.race([next, ended]);
    }
  }

  /** Has the stand-in do something and waits for its answer. */
  do<T = unknown>(command: Command): Promise<T> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to "${command.do}"`)), LIMIT_MS);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result as T);
        else reject(new Error(error));
      });
      this.child.send({ id, command });
    });
  }

  /** Ends it whatever it does; for teardown. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }
}
