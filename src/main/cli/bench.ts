import { parseCommand, UsageError } from './arguments.ts';
import { benchBulk } from './bench/bulk-bench.ts';
import { benchDispatch } from './bench/dispatch-bench.ts';
import { benchLookup } from './bench/lookup-bench.ts';
import { benchRetry } from './bench/retry-bench.ts';
import { type CommandIo, line, type Run } from './output.ts';

const HELP = `Usage: labrelay bench dispatch [options]
       labrelay bench bulk [options]
       labrelay bench lookup [options]
       labrelay bench retry [options]

The project's benchmark. Arms run interleaved, warmed, over several rounds, in processes of their
own on this machine; what counts is the ratios. docs/benchmarks.md tells the method.

dispatch: a bare HTTP loop, a pass-through that keeps nothing, the live way, the draining of a queue
  --deliveries N   deliveries of each arm over all rounds; default 21000
  --rounds N       default 3
  --warm-up N      deliveries of each arm beforehand; default 5000

bulk: one call with many records against the same rows in one plain transaction, STAT events meanwhile
  --records N      records of a call, at most 10000; default 10000
  --rounds N       default 3

lookup: reading logs from a store with many of them
  --rows N         logs in the store; default 200000

retry: what waiting retries cost an idle engine, and how late those start that fall due
  --scheduled N    retries that wait; default 50000
  --due N          retries that fall due meanwhile; default 360
  --rounds N       rounds of idling, three seconds each; default 3

  --json           one JSON document with every arm's figures
`;

/** One round of idling in `bench retry` (ms). */
const IDLE_ROUND_MS = 3_000;

const OPTIONS = {
  deliveries: { type: 'string' },
  rounds: { type: 'string' },
  'warm-up': { type: 'string' },
  rows: { type: 'string' },
  records: { type: 'string' },
  scheduled: { type: 'string' },
  due: { type: 'string' },
} as const;

/** `labrelay bench`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, {
    min: 1,
    max: 1,
    what: 'which benchmark',
  });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const progress = (text: string) => line(io.err, text);
  switch (positionals[0]) {
    case 'dispatch':
      print(
        io,
        values.json ?? false,
        await benchDispatch({
          entry: process.argv[1] ?? '',
          deliveries: whole('--deliveries', values.deliveries) ?? 21_000,
          rounds: whole('--rounds', values.rounds) ?? 3,
          warmUp: whole('--warm-up', values['warm-up']) ?? 5_000,
          progress,
        }),
      );
      return 0;
    case 'bulk':
      print(
        io,
        values.json ?? false,
        await benchBulk({
          entry: process.argv[1] ?? '',
          records: records(values.records),
          rounds: whole('--rounds', values.rounds) ?? 3,
          progress,
        }),
      );
      return 0;
    case 'lookup':
      print(
        io,
        values.json ?? false,
        await benchLookup({ rows: whole('--rows', values.rows) ?? 200_000, progress }),
      );
      return 0;
    case 'retry':
      print(
        io,
        values.json ?? false,
        await benchRetry({
          entry: process.argv[1] ?? '',
          scheduled: whole('--scheduled', values.scheduled) ?? 50_000,
          due: whole('--due', values.due) ?? 360,
          rounds: whole('--rounds', values.rounds) ?? 3,
          idle: IDLE_ROUND_MS,
          progress,
        }),
      );
      return 0;
    default:
      throw new UsageError(
        `there is no benchmark "${positionals[0] ?? ''}"; there are dispatch, bulk, lookup and retry`,
      );
  }
};

function print(io: CommandIo, json: boolean, figures: object): void {
  if (json) {
    line(io.out, JSON.stringify(figures));
    return;
  }
  for (const [name, value] of Object.entries(figures)) {
    line(
      io.out,
      `${name.padEnd(24)}${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
  }
}

function whole(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,7}$/.test(text)) throw new UsageError(`${flag}: must be a whole number above 0`);
  return Number(text);
}

function records(text: string | undefined): number {
  const given = whole('--records', text) ?? 10_000;
  if (given > 10_000) throw new UsageError('--records: one call takes at most 10000');
  return given;
}
