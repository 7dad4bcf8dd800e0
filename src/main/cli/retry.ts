import { MAX_NAMED_LOGS } from '../../shared/model/bulk-retry.ts';
import { parseCommand } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, openClient } from './client.ts';
import { givenLogId, wholeLogId, wholeLogIds } from './find-log.ts';
import type { Run } from './output.ts';
import { mustBeAskable, manyWish, retryMany } from './retry-many.ts';
import { planOne, retryOne } from './retry-one.ts';
import { BODY_OPTIONS, MANY_OPTIONS, oneWish, retryMode } from './retry-wish.ts';
import {
  hasSelection,
  SELECTION_HELP,
  SELECTION_OPTIONS,
  selectionInput,
} from './search-filters.ts';

const HELP = `Usage: labrelay retry LOG_ID [options]
       labrelay retry LOG_ID LOG_ID… [options]
       labrelay retry --status FAIL --from 2h [filters] [options]

Sends logs again, built anew from what the lab's data are by now. Each keeps its log_id; bytes that
have changed go out as a new revision with a key of its own. LOG_ID may be its beginning or its last 6
or more characters. Several are planned and counted first, then asked for; one of each integration
goes out ahead, and the others follow once it has succeeded.

  --plan             shows what would be sent, how it differs from what was, and on what terms;
                     sends nothing
  --reason TEXT      why; needed where the receiver may hold it, or refused it as it is
  --accept-duplicates  takes the place of a reason for what was handed on and is not confirmed yet
  --stored           the bytes that were to go anyway, not new ones
  --no-wait          does not wait for what comes of it (default: --wait; for one log a minute)

One log:
  --revision N       the bytes of that revision
  --edit FILE        the bytes of FILE (- reads standard input), kept as an edit of yours
  --config-version N built with the mapping of that version of the integration
  --reveal           with --plan: values in clear; takes a key with the role operator

Several logs:
  -y, --yes          does not ask; needed where nobody can be asked
  --rate N           so many a minute; default 600
  --no-canary        none goes ahead
  --stop-after N     stops by itself after so many failures of one class; default 10

Filters; all that match are meant:
${SELECTION_HELP}
${CONNECTION_HELP}  --json             one JSON document: the retry, the plan or the bulk retry

Exit codes: 0 all of it succeeded, 1 some failed, were refused or are not sent yet, 2 unusable
arguments. Ctrl-C leaves several going on in the engine; bulk-retry follows and cancels them.
`;

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  ...SELECTION_OPTIONS,
  ...BODY_OPTIONS,
  ...MANY_OPTIONS,
  reason: { type: 'string' },
  plan: { type: 'boolean' },
} as const;

/** `labrelay retry`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, {
    min: 0,
    max: MAX_NAMED_LOGS,
    what: 'LOG_ID',
  });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const ids = positionals.map(givenLogId);
  const mode = retryMode(values, ids.length, hasSelection(values));
  if (mode === 'MANY') mustBeAskable(values, io);
  // What cannot be used is told before anything is asked of the engine.
  const one = mode === 'ONE' ? oneWish(values) : null;
  const many = manyWish(values);
  const filter = ids.length > 0 ? null : selectionInput(values, Date.now());
  const client = openClient(values, io);
  try {
    if (one) {
      const logId = await wholeLogId(client, ids[0] ?? '');
      if (values.plan) return await planOne(client, logId, one, values, io);
      return await retryOne(client, logId, one, values, io);
    }
    const selection = filter ? { filter } : { log_ids: await wholeLogIds(client, ids) };
    return await retryMany(client, selection, many, values, io);
  } finally {
    await client.close();
  }
};
