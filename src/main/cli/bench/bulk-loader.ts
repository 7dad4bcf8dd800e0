import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { serveLines } from './line-rpc.ts';
import { billEvent, bulkBody } from './messages.ts';

/** Between the STAT events of one poster (ms): there is always one that a batch could hold up. */
const STAT_EVERY_MS = 10;

/** One bulk call. */
export interface BulkCall {
  origin: string;
  key: string;
  /** Records in it, the bad ones included. */
  records: number;
  /** How many of them lack their bill's id. */
  bad: number;
  /** Bytes of one record. */
  recordBytes: number;
  prefix: string;
}

/** What came of it. */
export interface BulkAnswer {
  bytes: number;
  /** From the first byte of the call to the last of its answer. */
  answerMs: number;
  accepted: number;
  logIds: number;
  /** Places that the answer names as bad. */
  rejected: number[];
}

/** Posts bulk calls, or STAT events one after the other. */
export async function bulkLoader(): Promise<void> {
  // A server that builds ten thousand payloads answers later than undici waits by itself.
  const agent = new Agent({ headersTimeout: 120_000, bodyTimeout: 120_000 });
  let posting: { stop: boolean; done: Promise<{ longestMs: number; count: number }> } | null = null;

  const post = async (call: BulkCall): Promise<BulkAnswer> => {
    const body = bulkBody(1, call);
    const started = performance.now();
    const answer = await request(`${call.origin}/integrationWebhookBulkAPI/`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${call.key}`,
        'idempotency-key': call.prefix,
      },
      body,
    });
    const text = await answer.body.text();
    const answerMs = performance.now() - started;
    if (answer.statusCode !== 202) throw new Error(`${answer.statusCode} ${text.slice(0, 500)}`);
    const told = JSON.parse(text) as {
      accepted: number;
      log_ids: string[];
      rejected: { index: number }[];
    };
    return {
      bytes: body.length,
      answerMs,
      accepted: told.accepted,
      logIds: new Set(told.log_ids).size,
      rejected: told.rejected.map(({ index }) => index),
    };
  };

  const postStats = async (
    at: { origin: string; key: string; prefix: string },
    isOver: () => boolean,
  ): Promise<{ longestMs: number; count: number }> => {
    let longestMs = 0;
    let count = 0;
    while (!isOver()) {
      const event = JSON.parse(billEvent(1, `${at.prefix}-stat-${count}`)) as object;
      const started = performance.now();
      const answer = await request(`${at.origin}/billing/`, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${at.key}` },
        body: JSON.stringify({ ...event, priority: 'STAT' }),
      });
      const text = await answer.body.text();
      longestMs = Math.max(longestMs, performance.now() - started);
      if (answer.statusCode !== 201) throw new Error(`${answer.statusCode} ${text.slice(0, 500)}`);
      count++;
      await pause(STAT_EVERY_MS);
    }
    return { longestMs, count };
  };

  await serveLines(
    {
      post,
      startStats: (at: { origin: string; key: string; prefix: string }) => {
        const state = { stop: false };
        posting = Object.assign(state, { done: postStats(at, () => state.stop) });
      },
      /** Ends the posting and tells of it. */
      stopStats: async () => {
        if (!posting) throw new Error('no STAT events are being posted');
        posting.stop = true;
        return posting.done;
      },
    },
    () => agent.destroy(),
  );
}
