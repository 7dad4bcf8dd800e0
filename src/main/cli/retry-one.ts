import { setTimeout as delay } from 'node:timers/promises';
import type { Output } from '../../shared/contract/index.ts';
import type { LogDocument } from '../../shared/contract/log-document.ts';
import type { EngineClient } from './client.ts';
import { waitWords } from './log-text.ts';
import { type CommandIo, line } from './output.ts';
import { oneLine } from './plain.ts';
import { retryWords } from './retry-state.ts';
import { renderPreview, renderQueued } from './retry-text.ts';
import type { OneWish, RetryFlags } from './retry-wish.ts';

/** So long an attempt is waited for: twice as long as a rule's calls take by default. */
const WAIT_AT_MOST_MS = 60_000;
/** What still waits for something else by then is not waited for. */
const HELD_AFTER_MS = 2_000;
const POLL_MS = 150;

type Values = RetryFlags & { json?: boolean | undefined };

/** What came of the attempt, as far as it was waited for. */
interface Ended {
  /** Null: it has not ended, or has not begun. */
  attempt: LogDocument['attempts'][number] | null;
  log: LogDocument;
}

/** Shows what a retry of this log would send. */
export async function planOne(
  client: EngineClient,
  logId: string,
  { accept_duplicates: _onlySent, ...wish }: OneWish,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const preview = await client.call('previewRetry', {
    log_id: logId,
    ...wish,
    ...(values.reveal ? { reveal: true } : {}),
  });
  if (values.json) line(io.out, JSON.stringify(preview));
  else io.out(renderPreview(preview));
  return 0;
}

/**
 * Retries this log and waits for what comes of it.
 * @returns the exit code: 0 where it succeeded, or was queued and is not waited for
 */
export async function retryOne(
  client: EngineClient,
  logId: string,
  wish: OneWish,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const queued = await client.call('retryIntegration', { log_id: logId, ...wish });
  if (!values.json) io.out(renderQueued(queued));
  if (values['no-wait']) {
    if (values.json) line(io.out, JSON.stringify(queued));
    return 0;
  }
  const ended = await outcomeOf(client, queued);
  if (values.json) line(io.out, JSON.stringify(outcomeDocument(queued, ended)));
  else line(io.out, outcomeWords(ended));
  // Not by its status: a partner that wants no status reported may have refused it.
  const certainty = ended.attempt?.certainty;
  return certainty === 'ACCEPTED' || certainty === 'COMMITTED' ? 0 : 1;
}

/** Waits until the attempt has ended, or waits for something that may take long. */
async function outcomeOf(
  client: EngineClient,
  { log_id, attempt_id }: Output<'retryIntegration'>,
): Promise<Ended> {
  const since = performance.now();
  for (;;) {
    const log = await client.call('getLog', { log_id });
    const attempt = log.attempts.find((one) => one.attempt_id === attempt_id);
    if (attempt && attempt.ended_at !== null) return { attempt, log };
    const waited = performance.now() - since;
    const isHeld = log.held_reason !== null && waited > HELD_AFTER_MS;
    if (isHeld || waited > WAIT_AT_MOST_MS) return { attempt: null, log };
    await delay(POLL_MS);
  }
}

function outcomeDocument(queued: Output<'retryIntegration'>, { attempt, log }: Ended) {
  const { status, certainty, retry_state, next_retry_at, held_reason } = log;
  return { ...queued, ended: attempt, status, certainty, retry_state, next_retry_at, held_reason };
}

function outcomeWords({ attempt, log }: Ended): string {
  if (attempt === null) {
    const why = waitWords(log) ?? 'Its attempt takes long.';
    return `It is not sent yet. ${why} "labrelay show ${log.log_id}" tells what becomes of it.`;
  }
  const { status, certainty, response_status_code: code, error_kind, error_message } = attempt;
  const what = [status, certainty, code === null ? error_kind : String(code)];
  const why = error_message === null ? '' : `: ${oneLine(error_message, 300)}`;
  const took = attempt.response_time === null ? '' : ` after ${attempt.response_time} ms`;
  const next = log.retry_state === 'SCHEDULED' ? `\n${retryWords(log, Date.now())}` : '';
  return `It ended ${what.filter(Boolean).join(' ')}${took}${why}${next}`;
}
