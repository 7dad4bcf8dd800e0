import { parseCommand } from './arguments.ts';
import { startPartner } from './demo/partner.ts';
import { line, type Run } from './output.ts';
import { stopSignal } from './signals.ts';

/**
 * The demo's simulated third party, in a process of its own so that what it counts is a second
 * witness. Prints its greeting as one JSON line; the demo starts it, people need not.
 */
export const run: Run = async (argv, io) => {
  parseCommand(argv, {});
  const stop = stopSignal();
  try {
    const partner = await startPartner();
    line(io.out, JSON.stringify(partner.greeting));
    await stop.asked;
    await partner.close();
    return 0;
  } finally {
    stop.forget();
  }
};
