import type { Output } from '../../shared/contract/index.ts';
import { parseCommand } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, openClient } from './client.ts';
import { line, type Run } from './output.ts';
import { oneLine } from './plain.ts';
import { FILTER_HELP, FILTER_OPTIONS, searchInput } from './search-filters.ts';
import { table } from './table.ts';
import { localTime, relativeTime } from './times.ts';

const HELP = `Usage: labrelay search [filters]

Finds integration logs of a running engine, newest first; all filters given must hold.

${FILTER_HELP}
${CONNECTION_HELP}  --json             the page as one JSON document {items, next_cursor, total_estimate}
`;

/** `labrelay search`: the console's search for scripts. */
export const run: Run = async (argv, io) => {
  const { values } = parseCommand(argv, { ...CONNECTION_OPTIONS, ...FILTER_OPTIONS });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const input = searchInput(values, Date.now());
  const client = openClient(values, io);
  try {
    const page = await client.call('searchLogs', input);
    if (values.json) line(io.out, JSON.stringify(page));
    else io.out(renderPage(page, Date.now()));
    return 0;
  } finally {
    await client.close();
  }
};

type Page = Output<'searchLogs'>;

/**
 * A page of logs as a table, with what follows it.
 * @param now epoch milliseconds
 */
export function renderPage({ items, next_cursor, total_estimate }: Page, now: number): string {
  if (items.length === 0) return 'No log matches. Suppressed ones need --include-suppressed.\n';
  const rows = items.map((log) => [
    localTime(log.created_at),
    log.direction === 'INBOUND' ? 'in' : 'out',
    log.status,
    log.certainty ?? '',
    log.action_category ?? '',
    log.lab_id === null ? '' : String(log.lab_id),
    log.lab_integration_id === null ? '' : String(log.lab_integration_id),
    log.response_status_code === null ? '' : String(log.response_status_code),
    retryCell(log, now),
    log.log_id,
    oneLine(log.error_message ?? log.error_kind ?? '', 60),
  ]);
  const headings = [
    'CREATED',
    'WAY',
    'STATUS',
    'CERTAINTY',
    'CATEGORY',
    'LAB',
    'RULE',
    'CODE',
    'RETRY',
    'LOG_ID',
    'ERROR',
  ];
  const total = total_estimate >= 10_000 ? `${total_estimate} or more` : String(total_estimate);
  const more = next_cursor === null ? '' : `; next page: --cursor ${next_cursor}`;
  return `${table(headings, rows)}\n${items.length} of ${total}${more}\n`;
}

/** What its schedule does, and when next. */
function retryCell(
  { retry_state: state, next_retry_at: next }: Page['items'][number],
  now: number,
) {
  if (state === 'NONE') return '';
  return next === null ? state : `${state} ${relativeTime(next, now)}`;
}
