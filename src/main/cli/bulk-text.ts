import type { Output } from '../../shared/contract/index.ts';
import type { BulkRetryState } from '../../shared/model/bulk-retry.ts';
import { oneLine } from './plain.ts';
import { countWords, type Progress } from './progress-bar.ts';
import { table } from './table.ts';
import { localTime, relativeTime } from './times.ts';

/** A bulk retry as every procedure answers it. */
export type BulkSummary = Output<'controlBulkRetry'>;
export type Bulk = Output<'getBulkRetry'>;
export type BulkItem = Bulk['items'][number];

const STATE_WORDS: Record<BulkRetryState, string> = {
  PLANNING: 'its logs are being found',
  PLANNED: 'waits for a yes',
  CANARY: 'one of each integration is sent; the others wait for its verdict',
  RUNNING: 'is being sent',
  PAUSED: 'paused',
  STOPPED: 'stopped by itself',
  DONE: 'done',
  CANCELLED: 'cancelled',
};

/** Logs that would be sent. */
export function sendable({ total, progress }: BulkSummary): number {
  return total - progress.refused;
}

/** How many are meant, of which certainty and integration, and how many are refused and why. */
export function renderPlan(bulk: Bulk): string {
  const { plan, total } = bulk;
  const head = `${logs(total)}, ${sendable(bulk)} of them can be sent${how(bulk)}\n`;
  if (plan === null || total === 0) return head;
  const byCertainty = plan.by_certainty.map(({ certainty, total: all, refused }) => [
    certainty ?? 'never sent',
    String(all),
    String(refused),
  ]);
  const byIntegration = plan.by_integration.map(({ lab_integration_id, total: all, refused }) => [
    lab_integration_id === null ? 'none' : String(lab_integration_id),
    String(all),
    String(refused),
  ]);
  return [
    head,
    `\n${table(['CERTAINTY', 'LOGS', 'REFUSED'], byCertainty)}`,
    `\n${table(['INTEGRATION', 'LOGS', 'REFUSED'], byIntegration)}`,
    ...(plan.refused_by.length === 0 ? [] : ['\nRefused:\n']),
    ...plan.refused_by.map(
      ({ verdict, sentence, count }) => `  ${count} × ${verdict}: ${oneLine(sentence, 300)}\n`,
    ),
    plan.needs_reason ? 'Some are refused for want of a reason; --reason has them sent too.\n' : '',
  ].join('');
}

const logs = (count: number): string => (count === 1 ? '1 log' : `${count} logs`);

function how({ body, has_canary, rate_per_minute, stop_after }: BulkSummary): string {
  return [
    body === 'fresh' ? ', built anew' : ', with the bytes that were to go anyway',
    has_canary ? ', one of each integration first' : ', without a canary',
    `, ${rate_per_minute} a minute, stopping after ${stop_after} failures of one class`,
  ].join('');
}

/** Where a bulk retry stands. */
export function renderBulk(bulk: BulkSummary): string {
  const { progress } = bulk;
  const stop = standingBy(bulk);
  const rows: [string, string | null][] = [
    ['state', `${bulk.state}: ${STATE_WORDS[bulk.state]}`],
    ['stood still', stop ? `${stop.why}: ${stop.sentence}${byWhom(stop)}` : null],
    ['logs', `${bulk.total}${how(bulk)}`],
    ['became', outcomeWords(bulk)],
    ['failures', failureWords(bulk)],
    ['to come', openWords(progress)],
    ['reason', bulk.reason],
    ['by', `${bulk.created_by} at ${localTime(bulk.created_at)}`],
    ['ended', bulk.ended_at && localTime(bulk.ended_at)],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(12)} ${oneLine(value, 1_000)}\n`],
  );
  return `Bulk retry ${bulk.bulk_retry_id}\n${lines.join('')}`;
}

/** What it stands still by; null: it has gone on since, and a sentence would tell what is not so any more. */
function standingBy({ state, stop }: BulkSummary): BulkSummary['stop'] {
  const isStanding = state === 'PAUSED' || state === 'STOPPED' || state === 'CANCELLED';
  return isStanding ? stop : null;
}

function byWhom({ by, reason }: NonNullable<BulkSummary['stop']>): string {
  if (by === null) return '';
  return ` (${by}${reason === null ? '' : `: ${reason}`})`;
}

function outcomeWords({ progress }: BulkSummary): string {
  const refused = progress.refused === 0 ? '' : `, ${progress.refused} refused`;
  return `${countWords(endedOf(progress))}${refused}`;
}

function failureWords({ progress }: BulkSummary): string | null {
  if (progress.by_failure_class.length === 0) return null;
  return progress.by_failure_class
    .map(({ failure_class, count }) => `${count} × ${failure_class}`)
    .join(', ');
}

function openWords({ waiting, queued }: BulkSummary['progress']): string | null {
  if (waiting + queued === 0) return null;
  return `${waiting} not queued yet, ${queued} on their way`;
}

function endedOf({ succeeded, failed, skipped }: BulkSummary['progress']) {
  return { succeeded, failed, skipped };
}

/**
 * How far it is, for the bar: what is refused was never to be sent.
 * @param now epoch milliseconds
 */
export function progressOf(bulk: Bulk, now: number): Progress {
  const { state, estimated_end_at: end } = bulk;
  const rest = end === null || Date.parse(end) <= now ? '' : `, ends ${relativeTime(end, now)}`;
  const doing = `${state.toLowerCase()}${rest}`;
  return { total: sendable(bulk), ...endedOf(bulk.progress), doing };
}

/** Logs that were not sent, or not with success, one a row. */
export function renderItems(items: readonly BulkItem[]): string {
  const rows = items.map((item) => [
    String(item.position),
    item.log_id,
    item.lab_integration_id === null ? '' : String(item.lab_integration_id),
    item.state,
    item.failure_class ?? item.verdict ?? item.outcome?.status ?? '',
    oneLine(item.sentence ?? '', 120),
  ]);
  return table(['NO', 'LOG_ID', 'RULE', 'STATE', 'WHY', ''], rows);
}

/** Bulk retries, one a row. */
export function renderBulks({ items, next_cursor }: Output<'listBulkRetries'>): string {
  if (items.length === 0) return 'There is no bulk retry yet.\n';
  const rows = items.map((bulk) => [
    localTime(bulk.created_at),
    bulk.bulk_retry_id,
    bulk.state,
    String(bulk.total),
    outcomeWords(bulk),
    oneLine(bulk.created_by, 30),
    oneLine(standingBy(bulk)?.sentence ?? bulk.reason ?? '', 80),
  ]);
  const headings = ['CREATED', 'BULK_RETRY_ID', 'STATE', 'LOGS', 'BECAME', 'BY', 'WHY'];
  const more = next_cursor === null ? '' : `\nnext page: --cursor ${next_cursor}\n`;
  return `${table(headings, rows)}${more}`;
}

/** 0 where all of it was sent with success, 1 where some was not, or it is not over. */
export function exitCodeOf({ state, progress }: BulkSummary): 0 | 1 {
  const { failed, refused, skipped } = progress;
  return state === 'DONE' && failed + refused + skipped === 0 ? 0 : 1;
}
