import type { BulkOptions, BulkVerdict } from '../../../shared/model/bulk-retry.ts';
import type { LabIntegration } from '../../../shared/model/configuration.ts';
import type { RetryableLog } from '../../../shared/model/retry.ts';
import {
  manualRetryVerdict,
  type ManualRetryVerdict,
} from '../../../shared/model/retry-verdict.ts';
import { obstacleTo } from './studied.ts';

/** What a bulk retry was given to cover doubts with. */
interface BulkConsent {
  options: Pick<BulkOptions, 'body' | 'acceptsDuplicates'>;
  reason: string | null;
}

/**
 * Why a log would be refused, as far as that is known before its body is built; null: it is to be sent.
 * Whether a refused message or its integration has changed is seen when it is built, and decided then.
 *
 * @param rule its integration; null: there is none any more
 */
export function plannedVerdict(
  log: RetryableLog,
  rule: Pick<LabIntegration, 'isActive'> | null,
  { options, reason }: BulkConsent,
): BulkVerdict | null {
  const obstacle = obstacleTo(log, rule);
  if (obstacle !== null) return obstacle;
  if (options.body === 'stored' && log.revision === 0) return 'NO_BODY';
  return uncovered(
    manualRetryVerdict({
      certainty: log.certainty,
      resolution: log.resolution,
      mayHold: log.mayHold,
      isBodyChanged: true,
      isReconfigured: true,
      isOvertaken: log.overtakenBy !== null,
    }),
    { options, reason },
  );
}

function uncovered(
  { terms, doubts }: ManualRetryVerdict,
  { options, reason }: BulkConsent,
): BulkVerdict | null {
  if (terms === 'FREE' || reason !== null) return null;
  if (terms === 'CONFIRM' && options.acceptsDuplicates) return null;
  return weightiest(doubts);
}

/** Of several doubts the one that takes a reason. */
export function weightiest(doubts: ManualRetryVerdict['doubts']): BulkVerdict {
  return doubts.find((doubt) => doubt !== 'HANDED_ON') ?? 'HANDED_ON';
}
