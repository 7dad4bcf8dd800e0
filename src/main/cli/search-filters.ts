import type { ParseArgsOptionsConfig } from 'node:util';
import { fieldErrors } from '../../shared/contract/common.ts';
import type { CallInput } from '../../shared/contract/index.ts';
import { searchLogsInput } from '../../shared/contract/logs.ts';
import { UsageError } from './arguments.ts';
import { parseTime, TIME_FORMS } from './times.ts';

type SearchInput = CallInput<'searchLogs'>;

/** How a flag's text becomes its filter's value; a refusal is told as a reason. */
type Kind = 'text' | 'word' | 'words' | 'number' | 'time' | 'reference';

interface Filter {
  /** Flags by which it is given, the short one first. */
  flags: readonly string[];
  field: keyof SearchInput;
  kind: Kind;
  /** Placeholder and meaning, for the help. */
  help: string;
}

/** Every filter of `searchLogs`, under a short flag and under its own name. */
const FILTERS: readonly Filter[] = [
  {
    flags: ['log-id'],
    field: 'log_id',
    kind: 'text',
    help: 'ID|whole, its beginning or its last 6 or more characters',
  },
  {
    flags: ['status'],
    field: 'status',
    kind: 'words',
    help: 'S|PENDING QUEUED SUCCESS FAIL SUPPRESSED; repeat for several',
  },
  {
    flags: ['certainty'],
    field: 'certainty',
    kind: 'words',
    help: 'C|NOT_SENT REFUSED_RETRYABLE REFUSED UNKNOWN COMMITTED ACCEPTED; repeat',
  },
  {
    flags: ['retry-state'],
    field: 'retry_state',
    kind: 'words',
    help: 'R|NONE SCHEDULED RUNNING EXHAUSTED CANCELLED HELD; repeat',
  },
  { flags: ['direction'], field: 'direction', kind: 'word', help: 'D|OUTBOUND or INBOUND' },
  { flags: ['lab', 'lab-id'], field: 'lab_id', kind: 'number', help: 'N|lab' },
  {
    flags: ['integration', 'lab-integration-id'],
    field: 'lab_integration_id',
    kind: 'number',
    help: 'N|integration',
  },
  {
    flags: ['category', 'action-category'],
    field: 'action_category',
    kind: 'word',
    help: 'CODE|action category, e.g. BILL_GENERATED',
  },
  { flags: ['batch', 'batch-id'], field: 'batch_id', kind: 'text', help: 'ID|batch' },
  { flags: ['event', 'event-id'], field: 'event_id', kind: 'text', help: 'ID|event' },
  {
    flags: ['triggered-by'],
    field: 'triggered_by',
    kind: 'text',
    help: 'LOG_ID|the call into the lab that fired them',
  },
  { flags: ['control-id'], field: 'control_id', kind: 'text', help: 'ID|MSH-10' },
  {
    flags: ['reference'],
    field: 'reference',
    kind: 'reference',
    help: 'KIND:ID|what it is about, e.g. bill:B-1001',
  },
  {
    flags: ['code', 'response-status-code'],
    field: 'response_status_code',
    kind: 'number',
    help: 'N|status code of the answer',
  },
  {
    flags: ['error-kind'],
    field: 'error_kind',
    kind: 'word',
    help: 'K|e.g. TIMEOUT, CONNECT, PAYLOAD, HTTP_STATUS',
  },
  { flags: ['priority'], field: 'priority', kind: 'word', help: 'P|STAT or ROUTINE' },
  {
    flags: ['from'],
    field: 'from',
    kind: 'time',
    help: 'T|created at or after: a time, a day, or ago (2h, 7d)',
  },
  { flags: ['to'], field: 'to', kind: 'time', help: 'T|created before' },
  {
    flags: ['text'],
    field: 'text',
    kind: 'text',
    help: 'WORDS|words in payload, response or error; all must occur',
  },
  {
    flags: ['cursor'],
    field: 'cursor',
    kind: 'text',
    help: 'C|next page, as the page before told',
  },
  { flags: ['limit'], field: 'limit', kind: 'number', help: 'N|rows, 1 to 200; default 50' },
];

/** Those that say which page of what matches is shown. */
const PAGING: readonly Filter['field'][] = ['cursor', 'limit'];
const SELECTING = FILTERS.filter(({ field }) => !PAGING.includes(field));

/** The filters as command-line options. */
export const FILTER_OPTIONS = optionsOf(FILTERS);
/** The same for whoever means everything that matches, not a page of it. */
export const SELECTION_OPTIONS = optionsOf(SELECTING);

/** The filters' part of the help. */
export const FILTER_HELP = helpOf(FILTERS);
export const SELECTION_HELP = helpOf(SELECTING);

function optionsOf(filters: readonly Filter[]): ParseArgsOptionsConfig {
  return {
    ...Object.fromEntries(
      filters.flatMap(({ flags, kind }) =>
        flags.map((flag) => [flag, { type: 'string' as const, multiple: kind === 'words' }]),
      ),
    ),
    'include-suppressed': { type: 'boolean' },
  };
}

function helpOf(filters: readonly Filter[]): string {
  return filters
    .map(({ flags, help }) => {
      const [placeholder = '', meaning = ''] = help.split('|');
      const [short = '', long] = flags;
      const also = long === undefined ? '' : ` (also --${long})`;
      return `  ${`--${short} ${placeholder}`.padEnd(20)} ${meaning}${also}\n`;
    })
    .join('')
    .concat(`  --include-suppressed suppressed logs too\n`);
}

/**
 * Makes the input of `searchLogs` from the flags given.
 * @param now epoch ms, from which `2h` and the like count back
 * @throws UsageError naming every flag at fault and its cure
 */
export function searchInput(values: Record<string, unknown>, now: number): SearchInput {
  const faults: string[] = [];
  const input: Record<string, unknown> = {};
  for (const { flags, field, kind } of FILTERS) {
    for (const flag of flags) {
      const given = values[flag];
      if (given === undefined) continue;
      const read = readValue(kind, given, now);
      if ('fault' in read) faults.push(`--${flag}: ${read.fault}`);
      else if (field in input) faults.push(`--${flag}: is given twice (--${flags.join(', --')})`);
      else input[field] = read.value;
    }
  }
  const asksForSuppressed =
    Array.isArray(input['status']) && input['status'].includes('SUPPRESSED');
  if (values['include-suppressed'] === true || asksForSuppressed)
    input['include_suppressed'] = true;
  const checked = searchLogsInput.safeParse(input);
  if (!checked.success) {
    for (const { field, reason } of fieldErrors(checked.error)) {
      faults.push(`--${flagOf(field)}: ${reason}`);
    }
  }
  if (faults.length > 0 || !checked.success) throw new UsageError(faults.join('\n  '));
  return checked.data;
}

/**
 * The filters given, for everything that matches.
 * @throws UsageError as {@link searchInput}
 */
export function selectionInput(
  values: Record<string, unknown>,
  now: number,
): Omit<SearchInput, 'cursor' | 'limit'> {
  const { cursor: _cursor, limit: _limit, ...filter } = searchInput(values, now);
  return filter;
}

/** Whether any filter was given. */
export function hasSelection(values: Record<string, unknown>): boolean {
  return Object.keys(SELECTION_OPTIONS).some((name) => values[name] !== undefined);
}

function readValue(
  kind: Kind,
  given: unknown,
  now: number,
): { value: unknown } | { fault: string } {
  if (kind === 'words') {
    // Both `--status FAIL --status PENDING` and `--status FAIL,PENDING`.
    return { value: (given as string[]).flatMap((text) => text.toUpperCase().split(',')) };
  }
  const text = String(given);
  switch (kind) {
    case 'text':
      return { value: text };
    case 'word':
      return { value: text.toUpperCase() };
    case 'number':
      return /^\d{1,15}$/.test(text)
        ? { value: Number(text) }
        : { fault: 'must be a whole number' };
    case 'time': {
      const time = parseTime(text, now);
      return time === null ? { fault: `must be ${TIME_FORMS}` } : { value: time };
    }
    case 'reference': {
      const colon = text.indexOf(':');
      return colon > 0 && colon < text.length - 1
        ? { value: { kind: text.slice(0, colon).toLowerCase(), id: text.slice(colon + 1) } }
        : { fault: 'must be KIND:ID, e.g. bill:B-1001' };
    }
  }
}

/** The flag of a field that the contract found at fault, e.g. `status.0`. */
function flagOf(field: string): string {
  const [name = ''] = field.split('.');
  return FILTERS.find((filter) => filter.field === name)?.flags[0] ?? name.replaceAll('_', '-');
}
