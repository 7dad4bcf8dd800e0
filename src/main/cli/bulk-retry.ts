import { BULK_RETRY_ACTIONS, type BulkRetryAction } from '../../shared/model/bulk-retry.ts';
import { parseCommand, UsageError } from './arguments.ts';
import { follow, tell } from './bulk-follow.ts';
import { renderBulks, renderPlan } from './bulk-text.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, type EngineClient, openClient } from './client.ts';
import { type CommandIo, line, type Run } from './output.ts';

const HELP = `Usage: labrelay bulk-retry [options]
       labrelay bulk-retry ID [--start|--pause|--resume|--cancel] [--follow] [options]

Retries of many logs at once, as "labrelay retry" with filters makes them. Without ID: all of them,
newest first. With ID: how far it is, and which of its logs failed, were refused or were skipped.

  --start            sends what was planned
  --pause            lets it stand still; what is queued already goes on
  --resume           goes on, also after it has stopped by itself
  --cancel           takes out what is not sent yet
  --reason TEXT      why; kept with it and in the audit chain
  --follow           follows it until it is over or stands still; Ctrl-C leaves it going on
  --cursor C         without ID: next page, as the page before told
${CONNECTION_HELP}  --json             the bulk retry with its first 500 logs, or {items, next_cursor}

Exit codes: 0 done, with --follow only if all of it succeeded; 1 it failed, with --follow also where
some failed, were refused or skipped, or it stands still; 2 unusable arguments.
`;

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  start: { type: 'boolean' },
  pause: { type: 'boolean' },
  resume: { type: 'boolean' },
  cancel: { type: 'boolean' },
  reason: { type: 'string' },
  follow: { type: 'boolean' },
  cursor: { type: 'string' },
} as const;

interface Values {
  start?: boolean | undefined;
  pause?: boolean | undefined;
  resume?: boolean | undefined;
  cancel?: boolean | undefined;
  reason?: string | undefined;
  follow?: boolean | undefined;
  cursor?: string | undefined;
  json?: boolean | undefined;
}

/** `labrelay bulk-retry`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, { min: 0, max: 1, what: 'ID' });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const [id] = positionals;
  const action = askedFor(values, id !== undefined);
  const client = openClient(values, io);
  try {
    if (id === undefined) return await list(client, values, io);
    return await one(client, id, action, values, io);
  } finally {
    await client.close();
  }
};

/** @throws UsageError where flags contradict each other or have nothing to act on */
function askedFor(values: Values, hasId: boolean): BulkRetryAction | null {
  const asked = BULK_RETRY_ACTIONS.filter((action) => values[action]);
  const flags = asked.map((action) => `--${action}`).join(' and ');
  if (asked.length > 1) throw new UsageError(`${flags}: choose one of them`);
  if (!hasId) {
    if (flags) throw new UsageError(`${flags}: of which? Give its ID; without one they are listed`);
    if (values.follow) throw new UsageError('--follow: which? Give its ID');
  } else if (values.cursor !== undefined) {
    throw new UsageError('--cursor: is for the list; leave it or the ID out');
  }
  if (values.reason !== undefined && asked.length === 0) {
    throw new UsageError('--reason: goes with --start, --pause, --resume or --cancel');
  }
  return asked[0] ?? null;
}

async function list(client: EngineClient, values: Values, io: CommandIo): Promise<number> {
  const { cursor } = values;
  const page = await client.call('listBulkRetries', cursor === undefined ? {} : { cursor });
  if (values.json) line(io.out, JSON.stringify(page));
  else io.out(renderBulks(page));
  return 0;
}

async function one(
  client: EngineClient,
  id: string,
  action: BulkRetryAction | null,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const { reason, json = false } = values;
  if (action !== null) {
    await client.call('controlBulkRetry', {
      bulk_retry_id: id,
      action,
      ...(reason === undefined ? {} : { reason }),
    });
  }
  if (values.follow) return follow(client, id, json, io);
  const bulk = await tell(client, id, json, io);
  if (!json && bulk.state === 'PLANNED') io.out(`\n${renderPlan(bulk)}`);
  return 0;
}
