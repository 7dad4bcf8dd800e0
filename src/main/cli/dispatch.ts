import { VERSION } from '../version.ts';
import { guarded } from './arguments.ts';
import { type CommandIo, type CommandModule, line } from './output.ts';

/** Every command, loaded only when it is asked for: a search need not load the engine. */
const COMMANDS: Record<string, { does: string; load: () => Promise<CommandModule> }> = {
  serve: {
    does: 'the engine without a desktop; its console in a browser',
    load: () => import('./serve.ts'),
  },
  demo: {
    does: 'a whole lab in one command, with a simulated third party',
    load: () => import('./demo.ts'),
  },
  search: {
    does: 'finds integration logs of a running engine',
    load: () => import('./search.ts'),
  },
  show: {
    does: 'shows one log: status, attempts, request, response',
    load: () => import('./show.ts'),
  },
  retry: {
    does: 'sends logs again: one, several, or all that match filters',
    load: () => import('./retry.ts'),
  },
  'cancel-retry': {
    does: 'stops what would still be sent of logs',
    load: () => import('./cancel-retry.ts'),
  },
  'bulk-retry': {
    does: 'retries of many logs at once: lists, follows, pauses, resumes, cancels them',
    load: () => import('./bulk-retry.ts'),
  },
  breaker: {
    does: 'opens or closes the circuit breaker of an integration by hand',
    load: () => import('./breaker.ts'),
  },
  audit: {
    does: 'checks the audit chain of a data folder: audit verify',
    load: () => import('./audit.ts'),
  },
  send: {
    does: 'posts an event document to a running engine',
    load: () => import('./send.ts'),
  },
  pause: {
    does: 'lets all deliveries stand still; events are taken',
    load: () => import('./pause.ts'),
  },
  resume: {
    does: 'lets deliveries go on',
    load: async () => ({ run: (await import('./pause.ts')).resume }),
  },
  doctor: {
    does: 'looks at data folder, store, key, clock, port and every partner; says what to mend',
    load: () => import('./doctor.ts'),
  },
  backup: {
    does: 'an online copy of the store',
    load: () => import('./backup.ts'),
  },
  restore: {
    does: 'a backup back into a stopped engine; everything open is held',
    load: () => import('./restore.ts'),
  },
  bench: {
    does: 'the benchmark: bench dispatch, bulk, lookup or retry',
    load: () => import('./bench.ts'),
  },
};

/** Commands that only our own processes are started with. */
const INTERNAL: Record<string, () => Promise<CommandModule>> = {
  'bench-process': () => import('./bench-process.ts'),
  'demo-partner': () => import('./demo-partner.ts'),
  'demo-worker': () => import('./demo-worker.ts'),
  leashed: () => import('./leashed.ts'),
};

function usage(): string {
  const rows = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(18)}${does}`);
  return [
    'Usage: labrelay <command> [options]',
    '',
    'Commands:',
    ...rows,
    '',
    'labrelay <command> --help tells more. --json prints one JSON document to standard output.',
    'Exit codes: 0 done, 1 the thing asked for failed, 2 unusable arguments.',
    '',
  ].join('\n');
}

function loaderOf(name: string): (() => Promise<CommandModule>) | undefined {
  if (Object.hasOwn(INTERNAL, name)) return INTERNAL[name];
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.load : undefined;
}

/** Runs the command line; answers the exit code. */
export async function main(argv: string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = argv;
  if (name === '--version' || name === '-v') {
    line(io.out, VERSION);
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.err : io.out)(usage());
    return name === undefined ? 2 : 0;
  }
  const load = loaderOf(name);
  if (!load) {
    line(io.err, `labrelay: there is no command "${name}".\n`);
    io.err(usage());
    return 2;
  }
  const module = await load();
  return guarded(module.run, rest, io);
}
