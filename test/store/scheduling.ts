import type { IntegrationSettings, RetryPolicy } from '../../src/shared/model/configuration.ts';
import type { AttemptReport, ClaimedTask } from '../../src/shared/model/delivery.ts';
import type { DueRetry, RetryFate } from '../../src/shared/model/due-retry.ts';
import type { RetryNote } from '../../src/shared/model/retry.ts';
import type { OpenStore } from './local-store.ts';
import { RULE, settleAs, stampNext } from './samples.ts';

/** When the outcomes of `samples.ts` are told. */
export const ENDED = 2_000;

/** A rule that tries again after 1 s, 2 s and 4 s. */
export function retrying(
  policy: Partial<RetryPolicy> = {},
): Pick<IntegrationSettings, 'retryPolicy'> {
  const retryPolicy = { ...RULE.retryPolicy, schedule: [1_000, 2_000, 4_000], ...policy };
  return { retryPolicy };
}

/** The partner refuses it for now. */
export const LATER: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'REFUSED_RETRYABLE',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 503,
};

/** The partner may have it. */
export const IN_DOUBT: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'UNKNOWN',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 500,
};

/** A retry of the stored bytes, as the schedule notes it. */
export const STORED: RetryNote = {
  actor: null,
  reason: null,
  bulkRetryId: null,
  body: 'STORED',
  objectsFrom: null,
  fallback: null,
  changed: [],
};

/** Sends what is claimed next; it ends so. */
export async function sendNext(
  store: OpenStore,
  outcome: Partial<AttemptReport>,
): Promise<ClaimedTask> {
  const { task } = await stampNext(store);
  await settleAs(store, task, outcome);
  return task;
}

/** Lets all go that is due, with the bytes that are stored. */
export async function startDue(store: OpenStore, now: number): Promise<DueRetry[]> {
  const due = await store.dueRetries({ now, limit: 100 });
  const fates = due.map(
    ({ taskId, attempt }): RetryFate => ({ taskId, attempt, kind: 'GO', note: STORED }),
  );
  await store.startRetries({ fates, now });
  return due;
}
