import { dataFolderOf } from '../config.ts';
import { asUsage, parseCommand, UsageError } from './arguments.ts';
import { type DemoOptions, runDemo } from './demo/run.ts';
import type { CommandIo, Run } from './output.ts';
import { stopSignal } from './signals.ts';

const HELP = `Usage: labrelay demo [options]

A whole lab in one command: an engine, a simulated third party in a process of its own, integrations
configured, invented bills, patients, samples, reports and appointments sent through; the third
party confirms appointments by calls of its own, and an outside worker leases tasks. What fails is
retried: by hand once the data are corrected, by the schedule, with a reason where the third party may
have it, and by the hundred. Prints what was delivered, failed, suppressed, queued, retried, captured and
leased. Then keeps the console open until Ctrl-C.

  --once        end after the report, within 40 s; exit 0 only if nothing was lost or left
                unfinished and every delivery ended as it must
  --events N    events to send first, 1 to 10000; default 200
  --port P      port of the console; default 7420, with --once any free one
  --data DIR    keep the data there; default a temporary folder, removed at the end
  --json        the report as one JSON document
`;

const OPTIONS = {
  once: { type: 'boolean' },
  events: { type: 'string' },
  port: { type: 'string' },
  data: { type: 'string' },
} as const;

const DEFAULT_EVENTS = 200;
const MOST_EVENTS = 10_000;
const DEFAULT_PORT = 7420;

/** `labrelay demo`. */
export const run: Run = async (argv, io) => {
  const { values } = parseCommand(argv, OPTIONS);
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const options = demoOptions(values, io);
  const stop = stopSignal();
  try {
    return await runDemo(options, io, stop);
  } finally {
    stop.forget();
  }
};

/** Checks the demo's arguments and fills in its defaults. */
export function demoOptions(
  values: {
    once?: boolean | undefined;
    json?: boolean | undefined;
    events?: string | undefined;
    port?: string | undefined;
    data?: string | undefined;
  },
  { environment }: Pick<CommandIo, 'environment'>,
): DemoOptions {
  const once = values.once ?? false;
  const { data } = values;
  return {
    once,
    json: values.json ?? false,
    events: whole('--events', values.events, 1, MOST_EVENTS) ?? DEFAULT_EVENTS,
    port: whole('--port', values.port, 0, 65_535) ?? (once ? 0 : DEFAULT_PORT),
    // LABRELAY_DATA names the lab's own data, among which the demo must not put invented ones.
    dataFolder: data === undefined ? null : asUsage(() => dataFolderOf(data, environment)),
    entry: process.argv[1] ?? '',
  };
}

function whole(flag: string, text: string | undefined, low: number, high: number): number | null {
  if (text === undefined) return null;
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= low && number <= high) return number;
  throw new UsageError(`${flag}: must be a whole number from ${low} to ${high}`);
}
