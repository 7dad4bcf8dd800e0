import { setTimeout as delay } from 'node:timers/promises';
import type { BulkRetryState } from '../../shared/model/bulk-retry.ts';
import {
  type Bulk,
  type BulkItem,
  exitCodeOf,
  progressOf,
  renderBulk,
  renderItems,
} from './bulk-text.ts';
import type { EngineClient } from './client.ts';
import { type CommandIo, line } from './output.ts';
import { MovingLine, progressLine } from './progress-bar.ts';
import { stopSignal } from './signals.ts';

const POLL_MS = 200;
/** Rows that the JSON document brings at most; getBulkRetry's cursor has the others. */
export const ROWS = 500;
/** So many of those that were not sent with success are named. */
const NAMED = 20;

/** Waits until all of its logs are found. */
export async function planned(client: EngineClient, id: string): Promise<Bulk> {
  for (;;) {
    const bulk = await client.call('getBulkRetry', { bulk_retry_id: id, limit: 1 });
    if (bulk.state !== 'PLANNING') return bulk;
    await delay(POLL_MS);
  }
}

/**
 * Follows a bulk retry until it stands still, with a bar where standard output is a terminal. Ctrl-C
 * ends the following alone: the engine goes on.
 * @returns the exit code
 */
export async function follow(
  client: EngineClient,
  id: string,
  json: boolean,
  io: CommandIo,
): Promise<number> {
  const bar = new MovingLine(io.out);
  const stop = stopSignal();
  const leaving = new AbortController();
  void (async () => {
    await stop.asked;
    leaving.abort();
  })();
  try {
    for (;;) {
      const bulk = await client.call('getBulkRetry', { bulk_retry_id: id, limit: 1 });
      if (standsStill(bulk.state)) break;
      if (leaving.signal.aborted) {
        bar.clear();
        io.err(howToGoOn(id));
        break;
      }
      const columns = json || io.environment['TERM'] === 'dumb' ? null : (io.columns?.() ?? null);
      const hasColour = !io.environment['NO_COLOR'];
      if (columns !== null) {
        bar.draw(progressLine(progressOf(bulk, Date.now()), { columns, hasColour }));
      }
      await delay(POLL_MS, undefined, { signal: leaving.signal }).catch(() => undefined);
    }
  } catch (error) {
    bar.clear();
    // The engine may be gone; what it was told to do it goes on with when it is back.
    io.err(howToGoOn(id));
    throw error;
  } finally {
    bar.clear();
    stop.forget();
  }
  return exitCodeOf(await tell(client, id, json, io));
}

function standsStill(state: BulkRetryState): boolean {
  switch (state) {
    case 'PLANNING':
    case 'CANARY':
    case 'RUNNING':
      return false;
    case 'PLANNED':
    case 'PAUSED':
    case 'STOPPED':
    case 'DONE':
    case 'CANCELLED':
      return true;
  }
}

/** What whoever leaves it can still do. */
export function howToGoOn(id: string): string {
  return [
    'The engine goes on with it:',
    `  labrelay bulk-retry ${id} --follow    follows it again`,
    `  labrelay bulk-retry ${id} --pause     lets it stand still`,
    `  labrelay bulk-retry ${id} --cancel    takes out what is not sent yet`,
    '',
  ].join('\n');
}

/** Prints where it stands, and which logs were not sent with success. */
export async function tell(
  client: EngineClient,
  id: string,
  json: boolean,
  io: CommandIo,
): Promise<Bulk> {
  const bulk = await client.call('getBulkRetry', {
    bulk_retry_id: id,
    limit: json ? ROWS : 1,
  });
  if (json) line(io.out, JSON.stringify(bulk));
  else {
    io.out(renderBulk(bulk));
    const named = await unsent(client, bulk);
    if (named.length > 0) io.out(`\n${renderItems(named)}`);
    if (bulk.state === 'STOPPED' || bulk.state === 'PAUSED') {
      line(io.out, `\nlabrelay bulk-retry ${id} --resume lets it go on, --cancel ends it.`);
    }
  }
  return bulk;
}

/** The first of those that failed, are refused or were skipped. */
async function unsent(
  client: EngineClient,
  { bulk_retry_id, progress }: Bulk,
): Promise<BulkItem[]> {
  const found: BulkItem[] = [];
  const wanted = [
    ['DONE', progress.failed],
    ['SKIPPED', progress.skipped],
    ['REFUSED', progress.refused],
  ] as const;
  for (const [state, count] of wanted) {
    let left = Math.min(count, NAMED - found.length);
    let cursor: string | null = null;
    while (left > 0) {
      const page: Bulk = await client.call('getBulkRetry', {
        bulk_retry_id,
        state,
        limit: ROWS,
        ...(cursor === null ? {} : { cursor }),
      });
      const bad = page.items.filter(
        ({ failure_class }) => state !== 'DONE' || failure_class !== null,
      );
      found.push(...bad.slice(0, left));
      left -= bad.length;
      cursor = page.next_cursor;
      if (cursor === null) break;
    }
  }
  return found;
}
