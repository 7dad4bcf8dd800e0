import { toIso } from '../../../shared/contract/common.ts';
import type { FailedTasks } from '../../engine/queue/failed-tasks.ts';
import { numberOfCursor } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the failed-task queue's procedures. */
export function queueHandlers(
  failedTasks: FailedTasks,
): Handlers<'listFailedTasks' | 'requeueFailedTask'> {
  return {
    listFailedTasks: async (input) => {
      const rows = await failedTasks.list({
        beforeId: input.cursor === undefined ? null : numberOfCursor(input.cursor),
        limit: input.limit + 1,
        includeRequeued: input.include_requeued,
      });
      const shown = rows.slice(0, input.limit);
      return {
        items: shown.map((task) => ({
          failed_task_id: task.failedTaskId,
          log_id: task.logId,
          attempt: task.attempt,
          lab_id: task.labId,
          lab_integration_id: task.labIntegrationId,
          action_category: task.actionCategory,
          cause: task.cause,
          error_message: task.errorMessage,
          certainty: task.certainty,
          failed_at: toIso(task.failedAt),
          requeued_at: toIso(task.requeuedAt),
          requeue_reason: task.requeueReason,
        })),
        next_cursor: rows.length > input.limit ? String(shown.at(-1)?.failedTaskId ?? '') : null,
      };
    },
    requeueFailedTask: async (input, caller) => ({
      log_id: await failedTasks.requeue(input.failed_task_id, input.reason ?? null, caller.name),
    }),
  };
}
