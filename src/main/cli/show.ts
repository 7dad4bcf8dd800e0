import { searchLogsInput } from '../../shared/contract/logs.ts';
import { parseCommand, UsageError } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, type EngineClient, openClient } from './client.ts';
import { renderLog } from './log-text.ts';
import { line, type Run } from './output.ts';
import { localTime } from './times.ts';

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

/** So many candidates are listed where an id fits several. */
const CANDIDATES = 10;

/** Length of a whole `log_id` (UUID). */
const WHOLE = 36;

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
  const given = (positionals[0] ?? '').trim().toLowerCase();
  const checked = searchLogsInput.shape.log_id.safeParse(given);
  if (!checked.success) {
    throw new UsageError(`LOG_ID: ${checked.error.issues[0]?.message ?? 'is no log_id'}`);
  }
  const { reveal = false, reason } = values;
  if (reason !== undefined && !reveal) throw new UsageError('--reason: goes with --reveal');
  const client = openClient(values, io);
  try {
    const logId = given.length === WHOLE ? given : await onlyMatch(client, given);
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

/** The one log whose id begins or ends so. */
async function onlyMatch(client: EngineClient, part: string): Promise<string> {
  const { items, total_estimate } = await client.call('searchLogs', {
    log_id: part,
    include_suppressed: true,
    limit: CANDIDATES,
  });
  const [first, second] = items;
  if (first && !second) return first.log_id;
  if (!first) throw new Error(`No log has an id that begins or ends with ${part}.`);
  const lines = items.map(({ log_id, created_at, direction, status, action_category }) =>
    `  ${log_id}  ${localTime(created_at)}  ${direction.toLowerCase()}  ${status}  ${action_category ?? ''}`.trimEnd(),
  );
  const more = total_estimate > items.length ? [`  … ${total_estimate} in all`] : [];
  throw new Error([`Several logs fit ${part}; give more of the id:`, ...lines, ...more].join('\n'));
}
