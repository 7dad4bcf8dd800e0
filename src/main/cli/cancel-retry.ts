import type { Output } from '../../shared/contract/index.ts';
import { LabRelayError, type Problem } from '../../shared/errors.ts';
import { parseCommand, UsageError } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, openClient } from './client.ts';
import { givenLogId, wholeLogIds } from './find-log.ts';
import { type CommandIo, line, type Run } from './output.ts';
import { table } from './table.ts';

const HELP = `Usage: labrelay cancel-retry LOG_ID… --reason TEXT [options]

Stops what would still be sent of these logs, scheduled or waiting. An attempt that is under way ends by
itself; nothing follows it. Retrying by hand later is possible. LOG_ID may be its beginning or its last
6 or more characters.

  --reason TEXT      why; kept with the log and in the audit chain
${CONNECTION_HELP}  --json             {results: [{log_id, outcome} or {log_id, error}]}
`;

/** As many as one would type. */
const MOST = 1_000;

const OPTIONS = { ...CONNECTION_OPTIONS, reason: { type: 'string' } } as const;

type Outcome = Output<'cancelRetry'>['outcome'];
type Result = { log_id: string } & ({ outcome: Outcome } | { error: Problem });

const OUTCOME_WORDS: Record<Outcome, string> = {
  CANCELLED: 'taken out of the queue',
  IN_FLIGHT: 'its attempt is under way and ends by itself; nothing follows',
  NOTHING: 'nothing was to be sent any more',
};

/** `labrelay cancel-retry`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, {
    min: 1,
    max: MOST,
    what: 'LOG_ID',
  });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const given = positionals.map(givenLogId);
  const { reason } = values;
  if (reason === undefined) throw new UsageError('--reason: is missing; say why in a few words');
  const client = openClient(values, io);
  try {
    const results: Result[] = [];
    for (const log_id of await wholeLogIds(client, given)) {
      try {
        results.push(await client.call('cancelRetry', { log_id, reason }));
      } catch (error) {
        // One that cannot be stopped keeps the others from nothing.
        if (!(error instanceof LabRelayError) || given.length === 1) throw error;
        results.push({ log_id, error: error.toProblem() });
      }
    }
    if (values.json) line(io.out, JSON.stringify({ results }));
    else show(results, io);
    return results.some((result) => 'error' in result) ? 1 : 0;
  } finally {
    await client.close();
  }
};

function show(results: readonly Result[], io: CommandIo): void {
  const rows = results.map((result) =>
    'error' in result
      ? [result.log_id, 'REFUSED', result.error.detail]
      : [result.log_id, result.outcome, OUTCOME_WORDS[result.outcome]],
  );
  io.out(table(['LOG_ID', 'OUTCOME', ''], rows));
}
