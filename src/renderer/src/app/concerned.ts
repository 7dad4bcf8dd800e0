import type { Push } from '../../../shared/contract/pushes.ts';
import type { ConsoleState } from './state.ts';

/** What the page shows that a push may have made old. */
export type Part = 'logs' | 'openLog' | 'bulk' | 'health';

/** Which parts of the page a push concerns. */
export function concerned(
  push: Push,
  { openLogId, openLog, openBulkId }: Pick<ConsoleState, 'openLogId' | 'openLog' | 'openBulkId'>,
): readonly Part[] {
  switch (push.event) {
    case 'LogsChanged': {
      const { log_ids: logIds, many } = push.data;
      const isOpen = openLogId !== null && logIds.includes(openLogId);
      return many || isOpen || isWaiting(openLog) ? ['logs', 'openLog'] : ['logs'];
    }
    // Named by LogsChanged too, which comes with it.
    case 'UpdateRetryIntegrationStatus':
      return [];
    case 'BreakerChanged':
      return ['logs', 'openLog', 'health'];
    case 'Reset':
      return ['logs', 'openLog', 'bulk', 'health'];
    case 'HealthChanged':
      return ['health'];
    case 'BulkRetryProgress':
      return push.data.bulk_retry_id === openBulkId ? ['bulk'] : [];
  }
}

/** It waits for others, so it may read otherwise whenever those change. */
function isWaiting(log: ConsoleState['openLog']): boolean {
  return (
    log.state === 'ready' && (log.value.held_reason !== null || log.value.status === 'PENDING')
  );
}
