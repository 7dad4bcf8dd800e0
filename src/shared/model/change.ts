/**
 * What a commit has changed, as far as people look at it. It names what is to be read anew and holds
 * nothing of it.
 */
export type Change =
  | { kind: 'LOG'; logId: string }
  /** Logs that nobody names: too many, or known to the store alone. */
  | { kind: 'MANY' }
  | { kind: 'BREAKER'; labIntegrationId: number }
  | { kind: 'BULK_RETRY'; bulkRetryId: string }
  | { kind: 'HEALTH' };
