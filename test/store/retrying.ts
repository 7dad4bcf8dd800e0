import Database from 'better-sqlite3';
import type { NewLog } from '../../src/shared/model/delivery.ts';
import { decidedOn, type QueueRetry, type RetryNote } from '../../src/shared/model/retry.ts';
import type { AttemptReport } from '../../src/shared/model/delivery.ts';
import type { openLocalStore } from './local-store.ts';
import { delivery, event, settleAs, stampNext } from './samples.ts';

export type LocalStore = ReturnType<typeof openLocalStore>;

/** What a retry is made of, where a test does not care. */
export const NOTE: RetryNote = {
  actor: 'Anna',
  reason: 'asked the partner',
  bulkRetryId: null,
  body: 'STORED',
  objectsFrom: null,
  fallback: null,
  changed: [],
};

/** Refusals and failures as attempts end. */
export const ENDS = {
  ACCEPTED: {},
  COMMITTED: { status: 'QUEUED', certainty: 'COMMITTED' },
  UNKNOWN: { status: 'FAIL', certainty: 'UNKNOWN', errorKind: 'TIMEOUT', responseStatusCode: null },
  REFUSED: {
    status: 'FAIL',
    certainty: 'REFUSED',
    errorKind: 'HTTP_STATUS',
    responseStatusCode: 422,
  },
  REFUSED_RETRYABLE: {
    status: 'FAIL',
    certainty: 'REFUSED_RETRYABLE',
    errorKind: 'HTTP_STATUS',
    responseStatusCode: 503,
  },
  // Of its own message: one that has not reached its endpoint would go on waiting.
  NOT_SENT: {
    status: 'FAIL',
    certainty: 'NOT_SENT',
    errorKind: 'PAYLOAD',
    responseStatusCode: null,
  },
} as const satisfies Record<string, Partial<AttemptReport>>;

/** A log whose first attempt has ended. @returns its `log_id` */
export async function endedLog(
  store: LocalStore,
  rule: number,
  end: keyof typeof ENDS,
  log: Partial<NewLog> = {},
): Promise<string> {
  const made = delivery(rule, log);
  await store.acceptEvent(event([made]));
  await attemptEnds(store, end);
  return made.log.logId;
}

/** The next task's attempt is made, and ends. @param at when it begins */
export async function attemptEnds(
  store: LocalStore,
  end: keyof typeof ENDS,
  at = 1_500,
): Promise<void> {
  const { task } = await stampNext(store, 'w', at);
  await settleAs(store, task, { ...ENDS[end], activityDate: at + 500 });
}

/** A retry of a log as it stands now, with the body that it has. */
export async function retryOf(
  store: LocalStore,
  logId: string,
  more: Partial<QueueRetry> = {},
): Promise<QueueRetry> {
  const log = await store.retryableLog(logId);
  if (!log) throw new Error('no such log');
  return {
    logId,
    expect: decidedOn(log),
    body: { kind: 'STORED', revision: log.revision },
    isBodyChosen: false,
    note: NOTE,
    now: 5_000,
    ...more,
  };
}

/** Does something to the store's file that no command does. */
export function tamper(store: LocalStore, sql: string): void {
  const db = new Database(store.file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}
