import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Calls between a benchmark and its processes: one JSON document a line, each way. A process ends
 * when its standard input does, so none outlives a benchmark that is killed.
 */
export type Operations = Record<string, (input: never) => unknown>;

interface Call {
  id: number;
  op: string;
  input: unknown;
}

type Answer = { id: number; value: unknown } | { id: number; error: string };

/** Serves operations on this process's standard input until it ends. */
export async function serveLines(
  operations: Operations,
  close: () => Promise<void>,
): Promise<void> {
  const answer = (line: Answer) => process.stdout.write(`${JSON.stringify(line)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, op, input } = JSON.parse(line) as Call;
    // Not awaited: a long operation does not keep the next from being heard.
    void (async () => {
      try {
        const operation = operations[op];
        if (!operation) throw new Error(`no operation ${op}`);
        answer({ id, value: (await operation(input as never)) ?? null });
      } catch (error) {
        answer({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
    })();
  }
  await close();
}

/** A benchmark's process, seen from the benchmark. */
export interface BenchProcess {
  call<T>(op: string, input?: unknown): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Starts a role of the benchmark in a process of its own.
 * @param entry the script of the command line
 */
export function startRole(entry: string, role: string): BenchProcess {
  const child = spawn(process.execPath, [...process.execArgv, entry, 'bench-process', role], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  let nextId = 1;
  const gone = (async () => {
    await exit(child);
    for (const { reject } of waiting.values()) reject(new Error(`the process "${role}" ended`));
    waiting.clear();
  })();
  // A process that is gone answers no more; its calls are rejected above.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) call?.reject(new Error(`${role}: ${answer.error}`));
    else call?.resolve(answer.value as never);
  });
  return {
    call: <T>(op: string, input: unknown = null) =>
      new Promise<T>((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id, op, input } satisfies Call)}\n`);
      }),
    stop: async () => {
      child.stdin.end();
      await gone;
    },
  };
}

async function exit(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
