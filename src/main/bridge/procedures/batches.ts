import { REJECTIONS_SHOWN } from '../../../shared/contract/batches.ts';
import { toIso } from '../../../shared/contract/common.ts';
import type { Output } from '../../../shared/contract/index.ts';
import type { BatchRecord } from '../../../shared/model/batch.ts';
import type { Batches } from '../../engine/bulk/batches.ts';
import { numberOfCursor } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the procedures about batches. */
export function batchHandlers(
  batches: Batches,
): Handlers<'listBatches' | 'getBatch' | 'cancelBatch'> {
  return {
    listBatches: async (input) => {
      const rows = await batches.list({
        state: input.state ?? null,
        labId: input.lab_id ?? null,
        beforeSeq: input.cursor === undefined ? null : numberOfCursor(input.cursor),
        limit: input.limit + 1,
      });
      const shown = rows.slice(0, input.limit);
      return {
        items: shown.map(summaryOf),
        next_cursor: rows.length > input.limit ? String(shown.at(-1)?.batchSeq ?? '') : null,
      };
    },
    getBatch: async (input) => {
      const batch = await batches.get(input.batch_id, REJECTIONS_SHOWN);
      return { ...summaryOf(batch), rejections: batch.rejections };
    },
    cancelBatch: async (input, caller) =>
      summaryOf(await batches.cancel(input.batch_id, input.reason, caller.name)),
  };
}

function summaryOf(batch: BatchRecord): Output<'cancelBatch'> {
  const { progress } = batch;
  return {
    batch_id: batch.batchId,
    state: batch.state,
    route: batch.route,
    lab_id: batch.labId,
    action_category: batch.actionCategory,
    triggered_by: batch.triggeredBy,
    records: batch.records,
    accepted: batch.accepted,
    rejected: batch.rejected,
    progress: { ...progress, done: progress.queued === 0 && batch.state !== 'RECEIVING' },
    received_at: toIso(batch.receivedAt),
    opened_at: toIso(batch.openedAt),
    cancelled_at: toIso(batch.cancelledAt),
    cancelled_by: batch.cancelledBy,
    cancel_reason: batch.cancelReason,
  };
}
