import { main } from './cli/dispatch.ts';
import { processIo } from './cli/output.ts';

// The code is set rather than exited with, so that what was written reaches a pipe whole.
process.exitCode = await main(process.argv.slice(2), processIo());
