import type { ObjectsFrom } from './vocabulary.ts';

/**
 * What a retry was made of and who wanted it. It is kept with the task until its attempt is stamped, and
 * with the attempt from then on. It holds no value of any body.
 */
export interface RetryNote {
  /** Who retried by hand; null: the schedule did. */
  actor: string | null;
  reason: string | null;
  /** The bulk retry that it is part of. */
  bulkRetryId: string | null;
  /**
   * `STORED`: bytes of an earlier revision, nothing was read. `SAME`: built anew, and nothing had
   * changed. `CHANGED`: built anew as another revision. `EDITED`: a person wrote it.
   */
  body: 'STORED' | 'SAME' | 'CHANGED' | 'EDITED';
  /** Where the objects were read; null where nothing was. */
  objectsFrom: ObjectsFrom | null;
  /** Why our own copy had to serve, in words for an operator; null where it need not. */
  fallback: string | null;
  /** JSON pointers to what differs from what was sent last, the first fifty. */
  changed: string[];
}

/** What an attempt's end made of its log's schedule, where people or a timer must know of it. */
export type ScheduleStep = { logId: string; labIntegrationId: number } & (
  | { kind: 'SCHEDULED'; at: number }
  | { kind: 'EXHAUSTED'; why: 'CAP' | 'DEADLINE'; stepsUsed: number }
);
