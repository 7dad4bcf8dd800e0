import { toIso } from '../../../shared/contract/common.ts';
import { type Push, pushes } from '../../../shared/contract/pushes.ts';
import type { Change } from '../../../shared/model/change.ts';
import type { LogState } from '../../../shared/model/log-state.ts';

/** What somebody is told of changes. @param states of the logs among them, where they still exist */
export function pushesOf(
  changes: readonly Change[],
  states: ReadonlyMap<string, LogState>,
): Push[] {
  const logIds: string[] = [];
  let many = false;
  const told: Push[] = [];
  for (const change of changes) {
    switch (change.kind) {
      case 'LOG': {
        logIds.push(change.logId);
        const state = states.get(change.logId);
        if (state?.direction === 'OUTBOUND') {
          told.push({ event: 'UpdateRetryIntegrationStatus', data: statusOf(state) });
        }
        break;
      }
      case 'MANY':
        many = true;
        break;
      case 'BREAKER':
        told.push({
          event: 'BreakerChanged',
          data: { lab_integration_id: change.labIntegrationId },
        });
        break;
      case 'BULK_RETRY':
        told.push({ event: 'BulkRetryProgress', data: { bulk_retry_id: change.bulkRetryId } });
        break;
      case 'HEALTH':
        told.push({ event: 'HealthChanged', data: {} });
        break;
    }
  }
  if (logIds.length > 0 || many) {
    told.push({ event: 'LogsChanged', data: { log_ids: logIds, many } });
  }
  return told.map(checked);
}

/** What the contract does not name never leaves. */
export function checked(push: Push): Push {
  return { event: push.event, data: pushes[push.event].parse(push.data) } as Push;
}

function statusOf(state: LogState) {
  return {
    log_id: state.logId,
    status: state.status,
    certainty: state.certainty,
    retry_state: state.retryState,
    retry_count: state.retryCount,
    next_retry_at: toIso(state.nextRetryAt),
    attempt: state.attempt,
    held_reason: state.heldReason,
    updated_at: toIso(state.updatedAt),
  };
}
