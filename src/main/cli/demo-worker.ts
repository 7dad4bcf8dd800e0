import { parseCommand } from './arguments.ts';
import { EngineClient } from './client.ts';
import { OutsideWorker, WORKER_NAME } from './demo/outside-worker.ts';
import { line, type Run } from './output.ts';
import { stopSignal } from './signals.ts';

/**
 * The demo's outside worker, in a process of its own: leases tasks of the engine at `LABRELAY_URL`, with
 * the operator's key in `LABRELAY_TOKEN`, until it is stopped. Prints its greeting as one JSON line; the
 * demo starts it, people need not.
 */
export const run: Run = async (argv, io) => {
  parseCommand(argv, {});
  const { LABRELAY_URL: url = '', LABRELAY_TOKEN: key = '' } = io.environment;
  const client = new EngineClient(new URL(url), key);
  const stop = stopSignal();
  const worker = new OutsideWorker(client);
  try {
    worker.start();
    line(io.out, JSON.stringify({ worker: WORKER_NAME }));
    await stop.asked;
    await worker.stop();
    return 0;
  } finally {
    stop.forget();
    await client.close();
  }
};
