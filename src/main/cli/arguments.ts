import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { LabRelayError } from '../../shared/errors.ts';
import type { CommandIo, Run } from './output.ts';

/** Arguments that cannot be used: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Runs a check of what was typed; its refusals are about unusable arguments. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof LabRelayError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Options of all commands. */
const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig;

/** What parsing answers: values by option name, and what stands beside the options. */
export type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{
    args: string[];
    options: T & typeof COMMON;
    allowPositionals: true;
    strict: true;
  }>
>;

/**
 * Parses a command's arguments; `--help` and `--json` are known to all.
 * @throws UsageError naming the argument at fault
 */
export function parseCommand<const T extends ParseArgsOptionsConfig>(
  argv: string[],
  options: T,
  positionals: { min: number; max: number; what: string } = { min: 0, max: 0, what: '' },
): Parsed<T> {
  let parsed: Parsed<T>;
  try {
    parsed = parseArgs({
      args: argv,
      options: { ...options, ...COMMON },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  // Whoever asks for help need not give the rest.
  if ('help' in parsed.values && parsed.values.help === true) return parsed;
  const count = parsed.positionals.length;
  if (count < positionals.min) throw new UsageError(`${positionals.what} is missing`);
  if (count > positionals.max) {
    throw new UsageError(`unexpected argument: ${parsed.positionals[positionals.max] ?? ''}`);
  }
  return parsed;
}

/**
 * Runs a command and turns what it throws into its exit code: 2 for unusable arguments, 1 for
 * everything else. With `--json` the error is the one JSON document on standard output.
 */
export async function guarded(run: Run, argv: string[], io: CommandIo): Promise<number> {
  try {
    return await run(argv, io);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    if (argv.includes('--json')) {
      const problem =
        error instanceof LabRelayError ? error.toProblem() : { code: 'FAILED', detail: message };
      io.out(`${JSON.stringify({ error: problem })}\n`);
    }
    io.err(`labrelay: ${message}\n`);
    if (isUsage) io.err('Add --help for what the command takes.\n');
    return isUsage ? 2 : 1;
  }
}
