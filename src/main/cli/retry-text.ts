import type { Output } from '../../shared/contract/index.ts';
import type { JsonValue } from '../../shared/model/json.ts';
import { madeInWords, objectsInWords } from '../../shared/retry-words.ts';
import { oneLine, plain } from './plain.ts';
import { table } from './table.ts';

type Preview = Output<'previewRetry'>;
type Queued = Output<'retryIntegration'>;

/** Characters of a value that the table of differences shows. */
const VALUE_SHOWN = 40;

const TERMS_WORDS: Record<Preview['terms'], string> = {
  FREE: 'it may be sent as it is',
  CONFIRM: 'it takes --accept-duplicates, or a --reason',
  REASON: 'it takes a --reason',
  IMPOSSIBLE: 'it cannot be sent',
};

const BODY_WORDS: Record<Queued['body'], string> = {
  STORED: 'the bytes of an earlier revision',
  SAME: 'built anew, and nothing had changed',
  CHANGED: 'built anew, and changed',
  EDITED: 'edited by hand',
};

/** What would be sent, beside what was, and on what terms. */
export function renderPreview(preview: Preview): string {
  const { log_id, terms, obstacle_sentence, doubts, last_sent, may_hold, overtaken_by } = preview;
  const rows: [string, string | null][] = [
    ['terms', `${terms}: ${TERMS_WORDS[terms]}`],
    ['', obstacle_sentence],
    ...doubts.map(({ sentence }): [string, string] => ['', sentence]),
    [
      'sent last',
      last_sent === null
        ? 'nothing yet'
        : `revision ${last_sent.revision}, key ${last_sent.key}, by attempt ${last_sent.attempt_id}`,
    ],
    ['would send', nowWords(preview)],
    [
      'may hold',
      may_hold.length === 0 ? null : `the receiver may hold revision ${may_hold.join(', ')}`,
    ],
    ['overtaken', overtaken_by && `by ${overtaken_by}, which is newer and was accepted`],
    ['versions', versionWords(preview)],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(12)} ${oneLine(value, 1_000)}\n`],
  );
  const masked = preview.masked
    ? '  Patient data is masked; --reveal shows it and is kept in the audit chain.\n'
    : '';
  return `Retry of log ${oneLine(log_id, 100)}\n${masked}${lines.join('')}\n${differences(preview)}`;
}

function nowWords({ now }: Preview): string {
  const where = fromWords(now);
  const by = now.config_version === null ? '' : ` under version ${now.config_version}`;
  switch (now.outcome) {
    case 'FAILED':
      return `cannot be built${by}: ${now.message ?? 'no reason is told'}`;
    case 'SAME':
      return `the same bytes, revision ${now.revision ?? '?'} under its key ${now.key ?? '?'}${where}`;
    case 'CHANGED':
      return `revision ${now.revision ?? '?'} with its own key ${now.key ?? '?'}, ${madeInWords(now)}${where}`;
  }
}

function fromWords(of: Pick<Queued, 'objects_from' | 'fallback'>): string {
  const words = objectsInWords(of);
  return words && `, ${words}`;
}

function versionWords({ versions }: Preview): string | null {
  const { last_attempt, current } = versions;
  if (current === null) return null;
  if (last_attempt === null || last_attempt === current) return `configuration ${current}`;
  return `configuration ${last_attempt} at the last attempt, ${current} now`;
}

function differences({
  differences: all,
  differences_total: total,
  now,
  last_sent,
}: Preview): string {
  if (now.outcome === 'FAILED' || last_sent === null) return '';
  if (now.outcome === 'SAME') return 'Nothing differs from what was sent last.\n';
  if (all.length === 0) {
    return 'Only its spelling differs from what was sent last: spaces, or the order of fields.\n';
  }
  const rows = all.map(({ path, kind, before, after }) => [
    oneLine(path === '' ? '(whole body)' : path, 60),
    kind,
    kind === 'ADDED' ? '' : valueWords(before),
    kind === 'REMOVED' ? '' : valueWords(after),
  ]);
  const more = total > all.length ? `… ${total - all.length} more\n` : '';
  return `${table(['WHERE', 'WHAT', 'SENT LAST', 'WOULD BE SENT'], rows)}${more}`;
}

function valueWords(value: JsonValue): string {
  return oneLine(JSON.stringify(value), VALUE_SHOWN);
}

/** What was queued. */
export function renderQueued(queued: Queued): string {
  const { log_id, attempt_id, revision, key, body, warnings } = queued;
  return [
    `Log ${log_id} is queued again as attempt ${attempt_id}.`,
    `  Revision ${revision}, key ${key}: ${BODY_WORDS[body]}${fromWords(queued)}.`,
    ...warnings.map((warning) => `  ${warning}`),
  ]
    .map((text) => `${plain(text)}\n`)
    .join('');
}
