import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { RetryObstacle } from '../../../shared/model/retry.ts';

/** What an obstacle is and how it is cleared, for an operator. */
export function obstacleInWords(why: RetryObstacle): string {
  switch (why) {
    case 'NOT_FOUND':
      return 'No log has this log_id. Give it whole, or search by its first or last six characters.';
    case 'CALL':
      return 'It is a call into the lab, which nobody but its caller can make again.';
    case 'UNDER_WAY':
      return 'It is queued, or an attempt of it is being made. Wait for its outcome, or stop it first (cancelRetry).';
    case 'CHANGED':
      return 'It has changed since it was looked at. See what would be sent now (previewRetry), and retry again.';
    case 'HELD':
      return 'It is held; let it go, or drop it (releaseHeld).';
    case 'DISABLED':
      return 'Its integration is disabled, so nothing of it is sent; enable it (setIntegrationEnabled).';
    case 'NO_RULE':
      return 'The rule of this delivery no longer exists.';
    case 'NO_BODY':
      return 'There is no body that could be sent; build it anew (body: fresh), or give one (body: edited).';
    case 'OBJECT_GONE':
      return 'An object of it is gone, so its body cannot be built anew. Send a stored body (body: stored) or an edited one.';
    case 'MAPPING_FAILED':
      return 'The mapping of its integration fails on it; mend it (addUpdateWebhookIntegration), or send a stored body (body: stored).';
  }
}

/**
 * The error that tells of an obstacle.
 * @param field what the caller named the log by
 * @param told more exactly what is in the way; left out: in general words
 */
export function refusalOf(why: RetryObstacle, field: string, told?: string): LabRelayError {
  const words = told ?? obstacleInWords(why);
  switch (why) {
    case 'NOT_FOUND':
      return new LabRelayError('UNKNOWN_LOG', words, [{ field, reason: 'is not known here' }]);
    case 'CALL':
      return fieldError('INVALID_INPUT', field, words);
    case 'UNDER_WAY':
      return fieldError('ALREADY_DONE', field, words);
    case 'CHANGED':
      return fieldError('STALE_WRITE', field, words);
    case 'MAPPING_FAILED':
      return fieldError('MAPPING_FAILED', field, words);
    case 'HELD':
    case 'DISABLED':
    case 'NO_RULE':
    case 'NO_BODY':
    case 'OBJECT_GONE':
      return fieldError('RETRY_IMPOSSIBLE', field, words);
  }
}
