import { LabRelayError, messageOf } from '../../../shared/errors.ts';
import type {
  BulkFate,
  BulkRetry,
  BulkStop,
  NextBulkItem,
  QueuedBulkItem,
} from '../../../shared/model/bulk-retry.ts';
import { isGoing, stuckCanary } from '../../../shared/model/bulk-retry-steps.ts';
import type { PreparedRetry } from '../../../shared/model/retry.ts';
import { canaryLanes, lanesOf, roomsOf, sharesOf } from './bulk-lanes.ts';
import type { BulkPace } from './bulk-pace.ts';
import type { BulkRunPort } from './bulk-port.ts';
import { weightiest } from './bulk-verdict.ts';
import { queueOf, type RetryWish } from './manual.ts';

/** Bodies built side by side, and queued in one transaction. */
const AT_ONCE = 10;
/** How long a canary may wait for an endpoint that is down (ms): a probe or two is made meanwhile. */
const CANARY_WAITS_MS = 20_000;

interface BulkSenderParts {
  store: Pick<
    BulkRunPort,
    'bulkCanaries' | 'nextBulkItems' | 'queueBulkItems' | 'stopBulkCanary' | 'endBulkCanary'
  >;
  /** Builds what would be sent, and says what stands against it; queues nothing. */
  prepare: (logId: string, wish: RetryWish) => Promise<PreparedRetry>;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Deliveries may leave. @param urgent integrations of urgent ones, one entry for each */
  onQueued: (urgent: number[]) => void;
  onTrouble: (what: string, message: string) => void;
}

/** What a step of the sending came to. */
export type BulkSent = { stopped: BulkStop | null } & (
  | { kind: 'GOES_ON' }
  /** The rate lets the next one go in so many milliseconds. */
  | { kind: 'PACED'; ms: number }
  /** What is under way has to end first. */
  | { kind: 'WAITS' }
  | { kind: 'NOTHING_LEFT' }
);

/**
 * Hands the logs of a bulk retry to the queue: one of each integration first, and the others of that
 * integration once it has arrived; then so many a minute, with few enough under way that it can stop.
 * Each body is built just before its log is queued.
 */
export class BulkSender {
  readonly #parts: BulkSenderParts;

  constructor(parts: BulkSenderParts) {
    this.#parts = parts;
  }

  /**
   * Queues what may go now.
   * @param queued what of it is in the queue
   */
  async send(
    bulk: BulkRetry,
    queued: readonly QueuedBulkItem[],
    pace: BulkPace,
    isStopping: () => boolean,
  ): Promise<BulkSent> {
    return bulk.state === 'CANARY'
      ? this.#canary(bulk, queued, pace, isStopping)
      : this.#rest(bulk, lanesOf(bulk.plan), queued, pace, isStopping);
  }

  async #canary(
    bulk: BulkRetry,
    queued: readonly QueuedBulkItem[],
    pace: BulkPace,
    isStopping: () => boolean,
  ): Promise<BulkSent> {
    const { store, clock } = this.#parts;
    const { bulkRetrySeq } = bulk;
    const now = clock();
    for (const item of queued) {
      const failureClass = item.isCanary ? stuckCanary(item) : null;
      // Whoever sets it going again has mended what it waits for, or hopes so.
      const since = Math.max(item.queuedAt, bulk.acts.at(-1)?.at ?? 0);
      if (failureClass === null || now - since < CANARY_WAITS_MS) continue;
      const stopped = await store.stopBulkCanary({ bulkRetrySeq, failureClass, now });
      return { kind: 'GOES_ON', stopped };
    }
    const lanes = canaryLanes(lanesOf(bulk.plan), await store.bulkCanaries(bulkRetrySeq));
    const wants = lanes.without.map((labIntegrationId) => ({ labIntegrationId, limit: 1 }));
    const first = await store.nextBulkItems({ bulkRetrySeq, wants });
    if (first.length === 0 && lanes.waiting.length === 0) {
      await store.endBulkCanary({ bulkRetrySeq });
      return { kind: 'GOES_ON', stopped: null };
    }
    const budget = pace.available(now);
    if (first.length > 0 && budget === 0) return { kind: 'PACED', ms: pace.wait(), stopped: null };
    if (first.length > 0) {
      return this.#queue(bulk, first.slice(0, budget), true, pace, isStopping);
    }
    const rest = await this.#rest(bulk, lanes.cleared, queued, pace, isStopping);
    return rest.kind === 'NOTHING_LEFT' ? { ...rest, kind: 'WAITS' } : rest;
  }

  async #rest(
    bulk: BulkRetry,
    lanes: readonly number[],
    queued: readonly QueuedBulkItem[],
    pace: BulkPace,
    isStopping: () => boolean,
  ): Promise<BulkSent> {
    const { store, clock } = this.#parts;
    const { bulkRetrySeq, options } = bulk;
    const budget = pace.available(clock());
    if (budget === 0) return { kind: 'PACED', ms: pace.wait(), stopped: null };
    const rooms = roomsOf(lanes, queued, options.stopAfter);
    const ones = rooms.map((room) => ({ ...room, limit: 1 }));
    const firsts = await store.nextBulkItems({ bulkRetrySeq, wants: ones });
    const left = new Set(firsts.map(({ labIntegrationId }) => labIntegrationId));
    const those = rooms.filter(({ labIntegrationId }) => left.has(labIntegrationId));
    if (those.length > 0) {
      const wants = sharesOf(those, budget);
      const items = await store.nextBulkItems({ bulkRetrySeq, wants });
      return this.#queue(bulk, items, false, pace, isStopping);
    }
    // With nothing under way every integration has room, and none has anything left.
    return { kind: queued.length === 0 ? 'NOTHING_LEFT' : 'WAITS', stopped: null };
  }

  async #queue(
    bulk: BulkRetry,
    items: NextBulkItem[],
    isCanary: boolean,
    pace: BulkPace,
    isStopping: () => boolean,
  ): Promise<BulkSent> {
    const { store, clock, onQueued } = this.#parts;
    const { bulkRetrySeq } = bulk;
    for (let at = 0; at < items.length && !isStopping(); at += AT_ONCE) {
      const those = items.slice(at, at + AT_ONCE);
      const fates = await Promise.all(those.map((item) => this.#fateOf(bulk, item, isCanary)));
      const step = await store.queueBulkItems({ bulkRetrySeq, fates, now: clock() });
      pace.spend(step.queued);
      if (step.queued > 0) onQueued(step.urgent);
      if (step.stopped) return { kind: 'GOES_ON', stopped: step.stopped };
      if (step.state === null || !isGoing(step.state)) break;
    }
    return { kind: 'GOES_ON', stopped: null };
  }

  async #fateOf(bulk: BulkRetry, item: NextBulkItem, isCanary: boolean): Promise<BulkFate> {
    const { position, logId } = item;
    const { reason, actor, bulkRetryId } = bulk;
    try {
      const prepared = await this.#parts.prepare(logId, wishOf(bulk));
      switch (prepared.outcome) {
        case 'READY': {
          const by = { actor, reason, bulkRetryId };
          const retry = queueOf(prepared, by, this.#parts.clock());
          return { position, isCanary, fate: { kind: 'QUEUE', retry } };
        }
        case 'DOUBTED': {
          const verdict = weightiest(prepared.doubts);
          return { position, isCanary, fate: { kind: 'REFUSED', verdict } };
        }
        case 'IMPOSSIBLE':
          return { position, isCanary, fate: { kind: 'SKIPPED', verdict: prepared.why } };
      }
    } catch (error) {
      // The store, or our own end: it is not the log's fault, and it is tried again.
      if (error instanceof LabRelayError && error.status === 503) throw error;
      // One log that breaks the building must not hold up the others for good.
      this.#parts.onTrouble('bulk_retry', messageOf(error));
      return { position, isCanary, fate: { kind: 'SKIPPED', verdict: 'NO_BODY' } };
    }
  }
}

function wishOf({ options, reason }: BulkRetry): RetryWish {
  const body: RetryWish['body'] =
    options.body === 'fresh'
      ? { kind: 'FRESH', configVersion: null }
      : { kind: 'STORED', revision: null };
  return { body, reason, acceptsDuplicates: options.acceptsDuplicates };
}
