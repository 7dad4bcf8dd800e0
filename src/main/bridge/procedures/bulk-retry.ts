import { toIso } from '../../../shared/contract/common.ts';
import type { Input, Output } from '../../../shared/contract/index.ts';
import type {
  BulkCanary,
  BulkItem,
  BulkPlan,
  BulkRetryRecord,
  BulkSelection,
} from '../../../shared/model/bulk-retry.ts';
import { lacksReason } from '../../../shared/model/bulk-retry-steps.ts';
import { attemptId } from '../../../shared/model/delivery.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { BulkRetries } from '../../engine/retry/bulk-retries.ts';
import { numberOfCursor } from '../cursor.ts';
import type { Handlers } from '../handler.ts';
import { MASK } from '../../engine/dispatch/masking.ts';
import { stopInWords, verdictInWords } from './bulk-retry-words.ts';
import { logSearch } from './logs.ts';

type Wish = Input<'retryIntegrations'>;
type Summary = Output<'controlBulkRetry'>;
type Whole = Output<'getBulkRetry'>;

/** Handlers of the procedures about many retries at once. */
export function bulkRetryHandlers(
  bulkRetries: BulkRetries,
): Handlers<'retryIntegrations' | 'getBulkRetry' | 'listBulkRetries' | 'controlBulkRetry'> {
  return {
    retryIntegrations: async (input, caller) => {
      const wish = { selection: selectionOf(input), options: optionsOf(input) };
      return summaryOf(
        await bulkRetries.plan({ ...wish, reason: input.reason ?? null }, caller.name),
      );
    },
    getBulkRetry: async (input) => {
      const bulk = await bulkRetries.get(input.bulk_retry_id);
      const after = input.cursor === undefined ? 0 : numberOfCursor(input.cursor);
      const page = { state: input.state ?? null, after, limit: input.limit + 1 };
      const [items, canaries] = await Promise.all([
        bulkRetries.items(bulk, page),
        bulkRetries.canaries(bulk),
      ]);
      const shown = items.slice(0, input.limit);
      return {
        ...summaryOf(bulk),
        plan: bulk.plan && planOf(bulk.plan),
        canaries: canaries.map(canaryOf),
        estimated_end_at: toIso(bulkRetries.estimatedEnd(bulk)),
        acts: bulk.acts.map(({ at, ...act }) => ({ ...act, at: toIso(at) })),
        items: shown.map(itemOf),
        next_cursor: items.length > input.limit ? String(shown.at(-1)?.position ?? '') : null,
      };
    },
    listBulkRetries: async (input) => {
      const beforeSeq = input.cursor === undefined ? null : numberOfCursor(input.cursor);
      const rows = await bulkRetries.list({ beforeSeq, limit: input.limit + 1 });
      const shown = rows.slice(0, input.limit);
      return {
        items: shown.map(summaryOf),
        next_cursor: rows.length > input.limit ? String(shown.at(-1)?.bulkRetrySeq ?? '') : null,
      };
    },
    controlBulkRetry: async (input, caller) => {
      const order = {
        bulkRetryId: input.bulk_retry_id.toLowerCase(),
        action: input.action,
        reason: input.reason ?? null,
        expectedTotal: input.expected_total ?? null,
      };
      return summaryOf(await bulkRetries.control(order, caller.name));
    },
  };
}

function selectionOf({ log_ids, filter }: Wish): BulkSelection {
  if (log_ids) return { kind: 'LOGS', logIds: log_ids };
  const given = filter ?? { include_suppressed: false };
  return {
    kind: 'FILTER',
    search: logSearch({ ...given, cursor: undefined, limit: 1 }),
    shown: shownOf(given),
  };
}

/** A filter without what names a patient: the words that are looked for, a patient's id. */
function shownOf(filter: NonNullable<Wish['filter']>): JsonObject {
  const { text, reference, ...rest } = filter;
  const shown = {
    ...rest,
    ...(text === undefined ? {} : { text: MASK }),
    ...(reference && {
      reference: reference.kind === 'patient' ? { ...reference, id: MASK } : reference,
    }),
  };
  return JSON.parse(JSON.stringify(shown)) as JsonObject;
}

function optionsOf(input: Wish) {
  return {
    body: input.body,
    hasCanary: input.canary,
    ratePerMinute: input.rate_per_minute,
    stopAfter: input.stop_after,
    acceptsDuplicates: input.accept_duplicates,
    startsByItself: input.run,
  };
}

function summaryOf(bulk: BulkRetryRecord): Summary {
  const { options, counts, stop } = bulk;
  return {
    bulk_retry_id: bulk.bulkRetryId,
    state: bulk.state,
    selection: { log_ids: bulk.namedLogs, filter: bulk.shownFilter },
    body: options.body,
    has_canary: options.hasCanary,
    rate_per_minute: options.ratePerMinute,
    stop_after: options.stopAfter,
    accepts_duplicates: options.acceptsDuplicates,
    starts_by_itself: options.startsByItself,
    reason: bulk.reason,
    created_by: bulk.actor,
    created_at: toIso(bulk.createdAt),
    started_by: bulk.startedBy,
    started_at: toIso(bulk.startedAt),
    ended_at: toIso(bulk.endedAt),
    total: bulk.total,
    progress: {
      waiting: counts.waiting,
      queued: counts.queued,
      done: counts.succeeded + counts.failed,
      succeeded: counts.succeeded,
      failed: counts.failed,
      refused: counts.refused,
      skipped: counts.skipped,
      by_failure_class: counts.byFailureClass.map(({ failureClass, count }) => ({
        failure_class: failureClass,
        count,
      })),
    },
    stop: stop && {
      why: stop.why,
      sentence: stopInWords(stop),
      failure_class: stop.failureClass,
      count: stop.count,
      at: toIso(stop.at),
      by: stop.by,
      reason: stop.reason,
    },
  };
}

function planOf(plan: BulkPlan): NonNullable<Whole['plan']> {
  return {
    total: plan.total,
    refused: plan.refused,
    by_certainty: plan.byCertainty,
    by_integration: plan.byIntegration.map(({ labIntegrationId, ...counts }) => ({
      lab_integration_id: labIntegrationId,
      ...counts,
    })),
    refused_by: plan.refusedBy.map(({ verdict, count }) => ({
      verdict,
      sentence: verdictInWords(verdict),
      count,
    })),
    needs_reason: lacksReason(plan),
  };
}

function canaryOf(canary: BulkCanary): Whole['canaries'][number] {
  const { labIntegrationId, logId, position, state, failureClass } = canary;
  const isOver = state === 'DONE' || state === 'SKIPPED';
  return {
    lab_integration_id: labIntegrationId,
    log_id: logId,
    position,
    verdict: failureClass !== null ? 'FAILED' : isOver ? 'GOOD' : 'WAITING',
    failure_class: failureClass,
  };
}

function itemOf(item: BulkItem): Whole['items'][number] {
  const { logId, attempt, outcome, verdict } = item;
  return {
    position: item.position,
    log_id: logId,
    lab_integration_id: item.labIntegrationId,
    certainty_before: item.certainty,
    state: item.state,
    verdict,
    sentence: verdict && verdictInWords(verdict),
    attempt_id: attempt === null ? null : attemptId(logId, attempt),
    outcome: outcome && {
      status: outcome.status,
      certainty: outcome.certainty,
      error_kind: outcome.errorKind,
      response_status_code: outcome.responseStatusCode,
    },
    failure_class: item.failureClass,
    queued_at: toIso(item.queuedAt),
    ended_at: toIso(item.endedAt),
  };
}
