import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { KeyRelease, KeyWentOn } from '../../../shared/model/ordering.ts';

/** What the store does for ordering keys. */
export interface OrderingPort {
  /** Lets the followers of a held head go, with a note on the head's log. */
  releaseOrderingKey(request: {
    logId: string;
    reason: string;
    actor: string;
    now: number;
  }): Promise<KeyRelease>;
}

/** Ordering keys whose followers are held, as people deal with them. */
export class OrderingKeys {
  readonly #store: OrderingPort;
  readonly #clock: () => number;
  readonly #onReleased: (wentOn: KeyWentOn | null) => void;

  constructor(deps: {
    store: OrderingPort;
    clock: () => number;
    onReleased: (wentOn: KeyWentOn | null) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#onReleased = deps.onReleased;
  }

  /**
   * Lets those that wait behind a held head go, one after the other.
   *
   * @param logId the head's log, or any that waits for it
   * @throws LabRelayError `UNKNOWN_LOG`, or `ALREADY_DONE` where nothing is held
   */
  async release(
    logId: string,
    reason: string,
    actor: string,
  ): Promise<{ headLogId: string; waiting: number }> {
    const now = this.#clock();
    const request = { logId: logId.toLowerCase(), reason, actor, now };
    const result = await this.#store.releaseOrderingKey(request);
    switch (result.outcome) {
      case 'RELEASED':
        this.#onReleased(result.wentOn);
        return { headLogId: result.headLogId, waiting: result.waiting };
      case 'UNKNOWN_LOG':
        throw new LabRelayError(
          'UNKNOWN_LOG',
          'No log has this log_id. Give it whole, as getLog and searchLogs tell it.',
          [{ field: 'log_id', reason: 'is not known here' }],
        );
      case 'NOT_HELD':
        throw fieldError(
          'ALREADY_DONE',
          'log_id',
          'is of no ordering key that is held; nothing waits for a refused or doubtful delivery there',
        );
    }
  }
}
