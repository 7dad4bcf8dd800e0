import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import {
  type BulkCanary,
  type BulkItem,
  type BulkItemState,
  type BulkOptions,
  type BulkRetryAction,
  type BulkRetryRecord,
  type BulkRetryState,
  type BulkSelection,
  MAX_BULK_LOGS,
} from '../../../shared/model/bulk-retry.ts';
import { newId } from '../intake/new-id.ts';
import type { BulkRetryPort } from './bulk-port.ts';
import type { BulkRunner } from './bulk-runner.ts';

/** Unknown logs that one refusal names. */
const NAMED_AT_MOST = 20;

interface BulkRetriesParts {
  store: BulkRetryPort;
  runner: Pick<BulkRunner, 'takeUp'>;
  /** Epoch milliseconds. */
  clock: () => number;
}

/** What is to be retried, and how. */
export interface BulkRetryWish {
  selection: BulkSelection;
  options: BulkOptions;
  reason: string | null;
}

/** An act of a person on a bulk retry. */
export interface BulkRetryOrder {
  bulkRetryId: string;
  action: BulkRetryAction;
  reason: string | null;
  /** The total that the plan showed; null: it is not looked at. */
  expectedTotal: number | null;
}

/** Many retries at once: planned, confirmed, run in the background, kept for later. */
export class BulkRetries {
  readonly #parts: BulkRetriesParts;

  constructor(parts: BulkRetriesParts) {
    this.#parts = parts;
  }

  /**
   * Keeps what is wanted and begins to plan it; nothing is sent before it is started.
   * @throws LabRelayError `UNKNOWN_LOG` naming those of the ids that are none
   */
  async plan(wish: BulkRetryWish, actor: string): Promise<BulkRetryRecord> {
    const { store, runner, clock } = this.#parts;
    const selection = await this.#known(wish.selection);
    const bulkRetryId = newId();
    const seq = await store.beginBulkRetry({
      ...wish,
      selection,
      bulkRetryId,
      actor,
      now: clock(),
    });
    runner.takeUp(seq);
    return this.get(bulkRetryId);
  }

  /**
   * Starts, pauses, resumes or cancels one.
   * @throws LabRelayError `UNKNOWN_BULK_RETRY`, `ALREADY_DONE`, `NOT_NOW`, or `STALE_WRITE` where its
   *   plan has another total than was expected
   */
  async control(order: BulkRetryOrder, actor: string): Promise<BulkRetryRecord> {
    const { store, runner, clock } = this.#parts;
    const acted = await store.actOnBulkRetry({ ...order, actor, now: clock() });
    switch (acted.outcome) {
      case 'DONE':
        runner.takeUp(acted.bulkRetrySeq);
        return this.get(order.bulkRetryId);
      case 'NOT_FOUND':
        throw unknownBulkRetry();
      case 'OTHER_TOTAL':
        throw fieldError(
          'STALE_WRITE',
          'expected_total',
          `is not what was planned: it has ${acted.total} logs; read its plan with getBulkRetry and start it with that total`,
        );
      case 'REFUSED':
        throw acted.step === 'ALREADY_DONE'
          ? fieldError('ALREADY_DONE', 'action', `changes nothing: it is ${acted.state} already`)
          : fieldError('NOT_NOW', 'action', notNow(order.action, acted.state));
    }
  }

  /** @throws LabRelayError `UNKNOWN_BULK_RETRY` */
  async get(bulkRetryId: string): Promise<BulkRetryRecord> {
    const bulk = await this.#parts.store.getBulkRetry(bulkRetryId.toLowerCase());
    if (!bulk) throw unknownBulkRetry();
    return bulk;
  }

  /** The newest first. */
  list(request: { beforeSeq: number | null; limit: number }): Promise<BulkRetryRecord[]> {
    return this.#parts.store.listBulkRetries(request);
  }

  /** Its logs, the oldest first; positions count from 1. None while it is being planned. */
  async items(
    bulk: BulkRetryRecord,
    page: { state: BulkItemState | null; after: number; limit: number },
  ): Promise<BulkItem[]> {
    if (bulk.state === 'PLANNING') return [];
    const { bulkRetrySeq } = bulk;
    const offset = offsetOf(bulk);
    const after = page.after + offset;
    const items = await this.#parts.store.bulkRetryItems({ ...page, bulkRetrySeq, after });
    return items.map((item) => ({ ...item, position: item.position - offset }));
  }

  /** Those that went first. */
  async canaries(bulk: BulkRetryRecord): Promise<BulkCanary[]> {
    const offset = offsetOf(bulk);
    const canaries = await this.#parts.store.bulkCanaries(bulk.bulkRetrySeq);
    return canaries.map((canary) => ({ ...canary, position: canary.position - offset }));
  }

  /** When the last one is queued at the set rate (epoch ms); null while it stands still, or is over. */
  estimatedEnd({ state, counts, options }: BulkRetryRecord): number | null {
    if (state !== 'CANARY' && state !== 'RUNNING') return null;
    return this.#parts.clock() + Math.ceil((counts.waiting * 60_000) / options.ratePerMinute);
  }

  async #known(selection: BulkSelection): Promise<BulkSelection> {
    if (selection.kind === 'FILTER') return selection;
    const asked = selection.logIds.map((logId) => logId.toLowerCase());
    const logIds = await this.#parts.store.sortedLogIds(asked);
    const known = new Set(logIds);
    const unknown = asked.flatMap((logId, index) => (known.has(logId) ? [] : [index]));
    if (unknown.length > 0) throw unknownLogs(unknown);
    return { kind: 'LOGS', logIds };
  }
}

/** Its newest log has the last position there is (see store/bulk-retries.ts). */
function offsetOf({ total }: BulkRetryRecord): number {
  return MAX_BULK_LOGS - total;
}

function notNow(action: BulkRetryAction, state: BulkRetryState): string {
  return state === 'PLANNING'
    ? `cannot ${action} it while it is being planned; ask again once getBulkRetry shows PLANNED, or cancel it`
    : `cannot ${action} it before it was started; start it, or cancel it`;
}

function unknownLogs(indexes: number[]): LabRelayError {
  const reason = 'is not known here; give whole log_ids as searchLogs shows them';
  const errors = indexes
    .slice(0, NAMED_AT_MOST)
    .map((index) => ({ field: `log_ids.${index}`, reason }));
  const detail = `${indexes.length} of the log_ids are not known here; nothing was planned.`;
  return new LabRelayError('UNKNOWN_LOG', detail, errors);
}

function unknownBulkRetry(): LabRelayError {
  const reason = 'is no bulk retry that LabRelay knows; take one that listBulkRetries shows';
  return new LabRelayError('UNKNOWN_BULK_RETRY', `bulk_retry_id: ${reason}`, [
    { field: 'bulk_retry_id', reason },
  ]);
}
