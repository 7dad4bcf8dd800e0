import { main } from './dispatch.ts';
import type { Run } from './output.ts';

/**
 * Runs another command that stops when its standard input ends: a child started with a pipe is then
 * stopped even when its parent is killed and can stop nothing itself. For processes only; it is
 * not among the commands that the help lists.
 */
export const run: Run = async (argv, io) => {
  process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM')).resume();
  try {
    return await main(argv, io);
  } finally {
    // An open pipe would keep a command that is done alive.
    process.stdin.destroy();
  }
};
