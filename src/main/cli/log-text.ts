import type { LogDocument } from '../../shared/contract/log-document.ts';
import { indented } from '../../shared/indented.ts';
import {
  type Certainty,
  type HeldReason,
  type LogStatus,
  STAGES,
} from '../../shared/model/vocabulary.ts';
import { retryInWords } from '../../shared/retry-words.ts';
import { oneLine, plain } from './plain.ts';
import { retryWords } from './retry-state.ts';
import { table } from './table.ts';
import { localTime } from './times.ts';

const STATUS_WORDS: Record<LogStatus, string> = {
  PENDING: 'no outcome yet',
  QUEUED: 'handed on; the confirmation from downstream is outstanding',
  SUCCESS: 'delivered',
  FAIL: 'not delivered, as far as is known',
  SUPPRESSED: 'the partner asked that no status be reported',
};

const CERTAINTY_WORDS: Record<Certainty, string> = {
  NOT_SENT: 'The partner does not have it: nothing was sent.',
  REFUSED_RETRYABLE: 'The partner refused it for now and may take it later.',
  REFUSED: 'The partner refused it.',
  UNKNOWN: 'The partner may already have it.',
  COMMITTED: 'The next system has it; it has not confirmed yet.',
  ACCEPTED: 'The partner has it.',
};

/** Why a delivery waits. */
const HELD_WORDS: Record<HeldReason, string> = {
  INTEGRATION_DISABLED: 'The integration is disabled; enabling it asks what is to become of it',
  BEHIND_HELD: 'Others of its ordering key were held before it and go first',
  ENDPOINT_DOWN: 'The partner cannot be reached; a probe asks again every 15 s',
  RULE_UNFIT:
    'The rule or its credentials cannot be used as they are; the newest attempt says what to mend. It is tried again every 15 s and at each change',
  BREAKER_OPEN:
    'Too many deliveries in a row have failed; a probe tries again every 15 s, or when the partner wants it',
  RESTORED_BACKUP:
    'It was open in a backup that was restored, and the partner may have got it since; releaseHeld lets it go',
  BEHIND_HEAD: 'It is sent when the delivery before it in its ordering key is finished',
  HEAD_UNKNOWN:
    'The delivery before it in its ordering key is in doubt; it is sent when that is settled, or after 30 minutes',
  HEAD_REFUSED:
    'The delivery before it in its ordering key was refused; it is sent when that is delivered or its key is released',
  HEAD_RETRYING:
    'The delivery before it in its ordering key has failed and is tried again; it is sent when that is delivered or given up, or after 30 minutes',
  BATCH_RECEIVING: 'The batch that it came in is not complete yet; it is sent when it is',
};

const CUT = '(longer than is kept; cut)';

/** So many of a call's deliveries stand in its document. */
const TRIGGERED_TOLD = 100;

/**
 * A whole log for people: what became of it, how far it came, what was sent and answered.
 * @param now epoch milliseconds; tells which deadlines have passed
 */
export function renderLog(log: LogDocument, now = Date.now()): string {
  return [
    summary(log, now),
    ...(log.direction === 'INBOUND'
      ? [section('Fired', fired(log))]
      : [section('Thread', thread(log)), section('Attempts', attempts(log))]),
    section('Request', message(requestLines(log), log.request_headers, log.request_body)),
    section('Response', response(log)),
    section('Activity', activity(log)),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function section(title: string, text: string): string {
  return text === '' ? '' : `${title}\n${indent(text)}\n`;
}

const indent = (text: string): string => text.trimEnd().replaceAll(/^(?=.)/gm, '  ');

function summary(log: LogDocument, now: number): string {
  const about = log.references.map(({ kind, id }) => `${kind} ${id}`).join(', ');
  const rows: [string, string | number | null][] = [
    ['status', `${log.status}: ${statusWords(log)}`],
    ['certainty', log.certainty && `${log.certainty}: ${CERTAINTY_WORDS[log.certainty]}`],
    ['error', log.error_kind && `${log.error_kind}: ${log.error_message ?? ''}`],
    ['by hand', log.resolution && `${log.resolution} at ${localTime(log.resolved_at ?? '')}`],
    ['retry', retryWords(log, now)],
    ['caller', callerWords(log)],
    ['fired by', log.triggered_by && `the call ${log.triggered_by}`],
    ['category', log.action_category],
    ['about', about],
    ['event', log.event_id],
    ['batch', log.batch_id],
    ['lab', log.lab_id],
    [
      'integration',
      log.lab_integration_id && `${log.lab_integration_id}, version ${log.config_version ?? '?'}`,
    ],
    ['priority', log.priority],
    ['order', log.ordering_key],
    ['waits', waitWords(log)],
    ['deliver by', deadlineWords(log, now)],
    ['control id', log.control_id],
    ['created', localTime(log.created_at)],
    ['updated', localTime(log.updated_at)],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === null || value === ''
      ? []
      : [`  ${name.padEnd(12)} ${oneLine(String(value), 2_000)}\n`],
  );
  const masked = log.masked
    ? '  Patient data is masked; --reveal shows it and is kept in the audit chain.\n'
    : '';
  return `Log ${plain(log.log_id)} (${log.direction.toLowerCase()})\n${masked}${lines.join('')}`;
}

function statusWords({ direction, status }: LogDocument): string {
  if (direction === 'OUTBOUND') return STATUS_WORDS[status];
  return status === 'SUCCESS' ? 'answered as asked' : 'not done as asked';
}

/** Who made a call into the lab; null for a delivery. */
function callerWords({
  direction,
  ip,
  origin,
  token_hint,
  token_owner,
}: LogDocument): string | null {
  if (direction === 'OUTBOUND') return null;
  const hint = token_hint === null ? '' : `, which ends in ${token_hint}`;
  const key = token_owner === null ? `no known key${hint}` : `the key ${token_owner}${hint}`;
  return `${ip ?? 'unknown'} with ${key}${origin === null ? '' : `, from a page of ${origin}`}`;
}

/** What a call into the lab has fired. */
function fired({ triggered }: LogDocument): string {
  if (triggered.length === 0) return 'nothing';
  const all =
    triggered.length < TRIGGERED_TOLD ? [] : ['… search --triggered-by tells all of them'];
  return plain([...triggered, ...all].join('\n'));
}

/** Why it waits, in a sentence; null where it does not. */
export function waitWords({ held_reason, waits_for, held_note }: LogDocument): string | null {
  if (held_reason === null) return null;
  // A person has stopped it: that says more than what usually opens a breaker.
  if (held_note !== null) return `The circuit breaker was ${held_note}.`;
  return `${HELD_WORDS[held_reason]}${waits_for === null ? '' : ` (log ${waits_for})`}.`;
}

function deadlineWords({ deliver_by, status }: LogDocument, now: number): string | null {
  if (deliver_by === null) return null;
  const isOpen = status === 'PENDING' || status === 'FAIL';
  const isLate = isOpen && Date.parse(deliver_by) < now;
  return `${localTime(deliver_by)}${isLate ? ': has passed, and it is not delivered' : ''}`;
}

/** The stages that were passed; those after the log's own are still to come. */
function thread({ stage, log_id, integration_callback_url }: LogDocument): string {
  const reached = STAGES.indexOf(stage);
  // Only these two are passed by every delivery; the others depend on the transport.
  const passed = STAGES.filter(
    (name, index) =>
      name === stage ||
      (index < reached && (name === 'CREATED' || name === 'ENQUEUED' || name === 'DISPATCHED')),
  );
  const callback =
    integration_callback_url === null
      ? ''
      : `\nreports for ${log_id} go to ${integration_callback_url}`;
  return plain(`${passed.join(' → ')}${callback}`);
}

function attempts({ attempts: all }: LogDocument): string {
  if (all.length === 0) return 'none: nothing was sent';
  const made = table(
    ['NO', 'KIND', 'BODY', 'STARTED', 'TOOK', 'STATUS', 'CERTAINTY', 'CODE', 'ERROR'],
    all.map((attempt) => [
      String(attempt.attempt),
      attempt.worker === null ? attempt.kind : `${attempt.kind} by ${oneLine(attempt.worker, 40)}`,
      `r${attempt.revision}`,
      localTime(attempt.started_at),
      attempt.response_time === null ? '' : `${attempt.response_time} ms`,
      attempt.status ?? 'running',
      attempt.certainty ?? '',
      attempt.response_status_code === null ? '' : String(attempt.response_status_code),
      oneLine([attempt.error_kind, attempt.error_message].filter(Boolean).join(': '), 80),
    ]),
  );
  const retries = all.flatMap((attempt) => {
    const words = retryInWords(attempt);
    return words === null ? [] : [oneLine(`${attempt.attempt}: ${words}`, 1_000)];
  });
  return [made.trimEnd(), ...retries].join('\n');
}

function requestLines({ request_method, end_point, request_body_cut }: LogDocument): string[] {
  const line = plain(`${request_method ?? ''} ${end_point ?? ''}`.trim());
  return request_body_cut ? [line, '(not all of its body came, or is kept)'] : [line];
}

function response(log: LogDocument): string {
  if (log.response_status_code === null && log.response_body === null) return '';
  const took = log.response_time === null ? '' : ` after ${log.response_time} ms`;
  const cut = log.response_body_cut ? [CUT] : [];
  const first = `${log.response_status_code ?? 'no status'}${took}`;
  return message([first, ...cut], log.response_headers, log.response_body);
}

function message(
  first: string[],
  headers: Record<string, string> | null,
  body: string | null,
): string {
  const fields = Object.entries(headers ?? {}).map(([name, value]) => plain(`${name}: ${value}`));
  const text = body === null || body === '' ? [] : ['', plain(indented(body))];
  return [...first, ...fields, ...text].join('\n');
}

function activity({ activity: notes }: LogDocument): string {
  return notes
    .map(
      ({ at, actor, kind, note }) =>
        `${localTime(at)}  ${oneLine(`${actor}, ${kind}: ${note}`, 500)}`,
    )
    .join('\n');
}
