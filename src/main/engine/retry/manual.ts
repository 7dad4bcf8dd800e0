import { createHmac, randomBytes } from 'node:crypto';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { LabIntegration } from '../../../shared/model/configuration.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import {
  type CancelledRetry,
  decidedOn,
  isReconfiguredSince,
  type PreparedRetry,
  type QueuedRetry,
  type QueueRetry,
  type RetryableLog,
  type RetryMade,
} from '../../../shared/model/retry.ts';
import { manualRetryVerdict, sentenceOf } from '../../../shared/model/retry-verdict.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { BodyMaker, type BodyMakerDeps, type WishedBody } from './body-maker.ts';
import type { ManualRetryPort } from './manual-port.ts';
import { previewOf, type RetryPreview } from './preview.ts';
import { refusalOf } from './refusals.ts';
import { doubtError, obstacleOf, obstacleTo, preparedOf, type StudiedRetry } from './studied.ts';

/** How a person wants a log sent again. */
export interface RetryWish {
  body: WishedBody;
  reason: string | null;
  /** Whoever asks knows that the receiver may get it twice. */
  acceptsDuplicates: boolean;
}

/** A retry that is queued. */
export interface RetriedLog {
  queued: Extract<QueuedRetry, { outcome: 'QUEUED' }>;
  made: RetryMade;
  sha256: string;
  warnings: string[];
}

interface ManualRetriesDeps extends BodyMakerDeps {
  store: ManualRetryPort;
  configuration: Pick<ConfigurationLookup, 'integration' | 'authentication' | 'actionCategoryById'>;
  /** Epoch milliseconds. */
  clock: () => number;
  /** A retry waits in the queue: wakes the dispatcher. */
  onQueued: (urgent: number[]) => void;
  /** A delivery of a cancelled one's ordering key has become ready. */
  onWentOn: (wentOn: KeyWentOn) => void;
}

/** Retries that people ask for: what they would send, on what terms, and the sending. */
export class ManualRetries {
  readonly #deps: ManualRetriesDeps;
  readonly #bodies: BodyMaker;
  readonly #blindKey = randomBytes(32);

  constructor(deps: ManualRetriesDeps) {
    this.#deps = deps;
    this.#bodies = new BodyMaker(deps);
  }

  /**
   * Looks at a log: what would be sent, whether it can be, and what stands against it. Queues nothing.
   * @throws LabRelayError `UNKNOWN_LOG`, and where the wish itself cannot be met
   */
  async study(logId: string, wish: WishedBody): Promise<StudiedRetry> {
    const { store, configuration } = this.#deps;
    const log = await store.retryableLog(logId.toLowerCase());
    if (!log) throw refusalOf('NOT_FOUND', 'log_id');
    const id = log.labIntegrationId;
    const rule = (id === null ? null : configuration.integration(id)) ?? null;
    const inTheWay = obstacleTo(log, rule);
    const canBuild = log.direction === 'OUTBOUND' && rule !== null;
    const body = canBuild ? await this.#bodies.make(log, rule, wish) : null;
    const isBodyChanged = body?.outcome === 'MADE' && body.isChanged;
    const verdict = manualRetryVerdict({
      certainty: log.certainty,
      resolution: log.resolution,
      mayHold: log.mayHold,
      isBodyChanged,
      isReconfigured: this.#isReconfigured(log, rule),
      isOvertaken: log.overtakenBy !== null,
    });
    const { mayHold } = log;
    return {
      log,
      rule,
      obstacle: obstacleOf(inTheWay, body),
      body,
      verdict,
      sentences: verdict.doubts.map((doubt) => sentenceOf(doubt, { mayHold, isBodyChanged })),
    };
  }

  /**
   * What would be sent of a log beside what was sent last.
   * @throws LabRelayError `UNKNOWN_LOG`, and where the wish itself cannot be met
   */
  async preview(logId: string, wish: WishedBody): Promise<RetryPreview> {
    return previewOf(await this.study(logId, wish), this.#deps.store);
  }

  /**
   * Decides on the wish to retry a log, and makes the bytes that would go. Queues nothing.
   * @throws LabRelayError where the wish itself cannot be met; and what reading objects throws
   */
  async prepare(logId: string, wish: RetryWish): Promise<PreparedRetry> {
    try {
      return preparedOf(await this.study(logId, wish.body), wish);
    } catch (error) {
      if (!(error instanceof LabRelayError) || error.code !== 'UNKNOWN_LOG') throw error;
      return { outcome: 'IMPOSSIBLE', why: 'NOT_FOUND', message: error.message };
    }
  }

  /**
   * Sends a log again.
   * @param expectedSha256 of the bytes that were shown; null: whatever they are
   * @throws LabRelayError `UNKNOWN_LOG`, `INVALID_INPUT`, `ALREADY_DONE` where it is under way,
   *   `STALE_WRITE` where it is not what was shown, `RETRY_IMPOSSIBLE`, `MAPPING_FAILED`,
   *   `REASON_NEEDED` or `DUPLICATES_POSSIBLE`, each saying why and what to do
   */
  async retry(
    logId: string,
    wish: RetryWish,
    by: { actor: string; expectedSha256: string | null },
  ): Promise<RetriedLog> {
    const studied = await this.study(logId, wish.body);
    if (studied.obstacle) throw refusalOf(studied.obstacle.why, 'log_id', studied.obstacle.message);
    const prepared = preparedOf(studied, wish);
    const { body } = studied;
    if (body?.outcome === 'MADE' && !this.#isExpected(body.sha256, by.expectedSha256)) {
      const reason =
        'other bytes would be sent by now; see them (previewRetry) and retry with their sha256';
      throw fieldError('STALE_WRITE', 'expected_sha256', reason);
    }
    switch (prepared.outcome) {
      case 'IMPOSSIBLE':
        throw refusalOf(prepared.why, 'log_id', prepared.message);
      case 'DOUBTED':
        throw doubtError(prepared);
      case 'READY': {
        const note = { actor: by.actor, reason: wish.reason, bulkRetryId: null };
        const request = queueOf(prepared, note, this.#deps.clock());
        const queued = await this.#deps.store.queueRetry(request);
        if (queued.outcome === 'NOT_QUEUED') throw refusalOf(queued.why, 'log_id');
        this.#deps.onQueued(queued.isUrgent ? [queued.labIntegrationId] : []);
        const { made, sha256, sentences: warnings } = prepared;
        return { queued, made, sha256, warnings };
      }
    }
  }

  /**
   * Stops what would still be sent of a log. Repeats change nothing.
   * @throws LabRelayError `UNKNOWN_LOG`, or `INVALID_INPUT` where that is not to be stopped so
   */
  async cancel(
    logId: string,
    reason: string,
    actor: string,
  ): Promise<{ logId: string; outcome: 'CANCELLED' | 'IN_FLIGHT' | 'NOTHING' }> {
    const id = logId.toLowerCase();
    const now = this.#deps.clock();
    const result = await this.#deps.store.cancelRetry({ logId: id, reason, actor, now });
    if (result.outcome === 'CANCELLED' && result.wentOn) this.#deps.onWentOn(result.wentOn);
    return { logId: id, outcome: outcomeOf(result) };
  }

  /** What the sender may read of a hash of masked bytes: whether two are the same, and nothing else. */
  blind(sha256: string): string {
    return createHmac('sha256', this.#blindKey).update(sha256).digest('hex');
  }

  #isExpected(sha256: string, expected: string | null): boolean {
    return expected === null || expected === sha256 || expected === this.blind(sha256);
  }

  #isReconfigured(log: RetryableLog, rule: LabIntegration | null): boolean {
    const id = rule?.developerAuthenticationId ?? null;
    const authentication = id === null ? undefined : this.#deps.configuration.authentication(id);
    return isReconfiguredSince(log, rule, authentication?.updatedAt ?? null);
  }
}

/** The command that queues a prepared retry. */
export function queueOf(
  { log, body, isBodyChosen, made }: Extract<PreparedRetry, { outcome: 'READY' }>,
  by: { actor: string; reason: string | null; bulkRetryId: string | null },
  now: number,
): QueueRetry {
  return {
    logId: log.logId,
    expect: decidedOn(log),
    body,
    isBodyChosen,
    note: { ...by, ...made },
    now,
  };
}

function outcomeOf(result: CancelledRetry): 'CANCELLED' | 'IN_FLIGHT' | 'NOTHING' {
  switch (result.outcome) {
    case 'CANCELLED':
    case 'IN_FLIGHT':
    case 'NOTHING':
      return result.outcome;
    case 'NOT_FOUND':
    case 'CALL':
      throw refusalOf(result.outcome, 'log_id');
    case 'BATCH': {
      const batch = result.batchId === null ? '' : ` ${result.batchId}`;
      const cure = `its batch is not complete yet; cancel the batch${batch} (cancelBatch)`;
      throw fieldError('INVALID_INPUT', 'log_id', cure);
    }
  }
}
