import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChildMessage, MappingChild } from './mapping-messages.ts';

/** From source the child lies beside this file; bundled, beside the chunk that holds this file. */
const CHILD = new URL(
  import.meta.url.endsWith('.ts') ? './mapping-child.ts' : './mapping-child.js',
  import.meta.url,
);

/**
 * Starts the mapping child as a plain Node process: a small heap, none of our environment (it may
 * hold secrets), no standard streams.
 */
export function forkMappingChild(): MappingChild {
  const child = fork(fileURLToPath(CHILD), [], {
    execArgv: ['--max-old-space-size=64'],
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  return {
    send(message) {
      // A message that can no longer be sent is answered by the exit that follows.
      if (child.connected) child.send(message, () => {});
    },
    onMessage(listener) {
      child.on('message', (message) => listener(message as ChildMessage));
    },
    onExit(listener) {
      // The process may be gone before its last messages are read; 'disconnect' comes after them.
      const awaited = new Set(['exit', 'disconnect']);
      const seen = (event: string) => {
        if (awaited.delete(event) && awaited.size === 0) listener();
      };
      child.once('exit', () => {
        if (!child.connected) awaited.delete('disconnect');
        seen('exit');
      });
      child.once('disconnect', () => seen('disconnect'));
      child.on('error', () => {
        // Without a pid it never ran, and neither of the two will come.
        if (child.pid === undefined && awaited.size > 0) {
          awaited.clear();
          listener();
        }
      });
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}
