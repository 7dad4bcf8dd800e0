import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { FailedTask } from '../../../shared/model/delivery.ts';
import { refusalOf } from '../retry/refusals.ts';
import type { QueuePort } from './port.ts';

/** The failed-task queue: tasks that died before their handler could report. */
export class FailedTasks {
  readonly #store: Pick<QueuePort, 'listFailedTasks' | 'requeueFailedTask'>;
  readonly #clock: () => number;
  readonly #onQueued: () => void;

  constructor(deps: {
    store: Pick<QueuePort, 'listFailedTasks' | 'requeueFailedTask'>;
    clock: () => number;
    onQueued: () => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#onQueued = deps.onQueued;
  }

  /** Newest first; `beforeId` is the last one of the page before. */
  list(request: {
    beforeId: number | null;
    limit: number;
    includeRequeued: boolean;
  }): Promise<FailedTask[]> {
    return this.#store.listFailedTasks(request);
  }

  /**
   * Queues a failed task once more, with its stored bytes under their old key.
   *
   * @param reason needed where the receiver may already hold the message, or accepted a newer one of its
   *   ordering key
   * @returns the `log_id` that is under way again
   * @throws LabRelayError `NOT_FOUND`, `ALREADY_DONE`, `REASON_NEEDED`, or `INVALID_INPUT` or
   *   `RETRY_IMPOSSIBLE` saying why it cannot be queued
   */
  async requeue(failedTaskId: number, reason: string | null, actor: string): Promise<string> {
    const result = await this.#store.requeueFailedTask({
      failedTaskId,
      reason,
      actor,
      now: this.#clock(),
    });
    switch (result.outcome) {
      case 'REQUEUED':
        this.#onQueued();
        return result.logId;
      case 'NOT_FOUND':
        throw new LabRelayError('NOT_FOUND', 'There is no failed task with this failed_task_id.', [
          {
            field: 'failed_task_id',
            reason: 'is not known here; list the failed tasks to find it',
          },
        ]);
      case 'ALREADY_REQUEUED':
        throw fieldError('ALREADY_DONE', 'failed_task_id', 'was queued once more already');
      case 'OPEN_TASK':
        throw fieldError('ALREADY_DONE', 'failed_task_id', 'its log is under way already');
      case 'NO_PAYLOAD':
        throw fieldError('INVALID_INPUT', 'failed_task_id', 'its log has no payload to send');
      case 'REASON_NEEDED':
        throw fieldError(
          'REASON_NEEDED',
          'reason',
          `${result.sentence} Say why it is to be sent again.`,
        );
      case 'IMPOSSIBLE':
        throw refusalOf(result.why, 'failed_task_id');
      case 'NEWER_ACCEPTED':
        throw fieldError(
          'REASON_NEEDED',
          'reason',
          'a newer one of its ordering key was already accepted; say why this one is to be sent after it',
        );
    }
  }
}
