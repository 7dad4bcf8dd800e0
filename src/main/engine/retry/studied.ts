import { fieldError, type LabRelayError } from '../../../shared/errors.ts';
import type { LabIntegration } from '../../../shared/model/configuration.ts';
import {
  obstacleOfTask,
  type PreparedRetry,
  type RetryableLog,
  type RetryObstacle,
} from '../../../shared/model/retry.ts';
import type { ManualRetryVerdict } from '../../../shared/model/retry-verdict.ts';
import type { MadeBody, NoBody } from './body-maker.ts';
import { obstacleInWords } from './refusals.ts';

/** A log with what would be sent of it, and what stands against that. */
export interface StudiedRetry {
  log: RetryableLog;
  rule: LabIntegration | null;
  /** What makes it impossible; null: nothing. */
  obstacle: { why: RetryObstacle; message: string } | null;
  /** Null where nothing could be looked for. */
  body: MadeBody | NoBody | null;
  verdict: ManualRetryVerdict;
  /** The doubts in words. */
  sentences: string[];
}

/** What stands in the way of a log, whatever its body; null: nothing. */
export function obstacleTo(
  log: RetryableLog,
  rule: Pick<LabIntegration, 'isActive'> | null,
): RetryObstacle | null {
  if (log.direction === 'INBOUND') return 'CALL';
  if (rule === null) return 'NO_RULE';
  return obstacleOfTask(log.task, log.heldReason) ?? (rule.isActive ? null : 'DISABLED');
}

/** What makes a retry impossible; null: nothing. */
export function obstacleOf(
  inTheWay: RetryObstacle | null,
  body: MadeBody | NoBody | null,
): StudiedRetry['obstacle'] {
  if (inTheWay !== null) return { why: inTheWay, message: obstacleInWords(inTheWay) };
  return body?.outcome === 'NOT_MADE' ? { why: body.why, message: body.message } : null;
}

/** What becomes of a wish, by what was found out. */
export function preparedOf(
  studied: StudiedRetry,
  wish: { reason: string | null; acceptsDuplicates: boolean },
): PreparedRetry {
  const { log, obstacle, body, verdict, sentences } = studied;
  const { doubts, terms } = verdict;
  if (obstacle) return { outcome: 'IMPOSSIBLE', ...obstacle };
  if (body?.outcome !== 'MADE') {
    return { outcome: 'IMPOSSIBLE', why: 'NO_BODY', message: obstacleInWords('NO_BODY') };
  }
  const isGiven = wish.reason !== null || (terms === 'CONFIRM' && wish.acceptsDuplicates);
  if (terms !== 'FREE' && !isGiven) return { outcome: 'DOUBTED', log, terms, doubts, sentences };
  return {
    outcome: 'READY',
    log,
    body: body.body,
    isBodyChosen: body.isChosen,
    made: body.made,
    sha256: body.sha256,
    doubts,
    sentences,
  };
}

/** The error that asks for a reason, or for a warning to be confirmed. */
export function doubtError({
  terms,
  sentences,
}: Extract<PreparedRetry, { outcome: 'DOUBTED' }>): LabRelayError {
  const told = sentences.join(' ');
  return terms === 'CONFIRM'
    ? fieldError('DUPLICATES_POSSIBLE', 'accept_duplicates', `${told} Send true, or give a reason.`)
    : fieldError('REASON_NEEDED', 'reason', `${told} Say why it is to be sent.`);
}
