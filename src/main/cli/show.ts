import { parseCommand, UsageError } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, openClient } from './client.ts';
import { givenLogId, wholeLogId } from './find-log.ts';
import { renderLog } from './log-text.ts';
import { line, type Run } from './output.ts';

const HELP = `Usage: labrelay show LOG_ID

Shows one log of a running engine: status, certainty, how far it came, attempts, request, response.
Patient data is masked. --reveal shows it in clear, to operators, and is kept in the audit chain.
LOG_ID may be its beginning or its last 6 or more characters, where only one log fits.

${CONNECTION_HELP}  --reveal           in clear; takes a key with the role operator
  --reason TEXT      why, for the audit chain; goes with --reveal
  --json             the log document
`;

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  reveal: { type: 'boolean' },
  reason: { type: 'string' },
} as const;

/** `labrelay show LOG_ID`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, {
    min: 1,
    max: 1,
    what: 'LOG_ID',
  });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const given = givenLogId(positionals[0] ?? '');
  const { reveal = false, reason } = values;
  if (reason !== undefined && !reveal) throw new UsageError('--reason: goes with --reveal');
  const client = openClient(values, io);
  try {
    const logId = await wholeLogId(client, given);
    const log = reveal
      ? await client.call('revealLog', { log_id: logId, ...(reason ? { reason } : {}) })
      : await client.call('getLog', { log_id: logId });
    if (values.json) line(io.out, JSON.stringify(log));
    else io.out(renderLog(log));
    return 0;
  } finally {
    await client.close();
  }
};
