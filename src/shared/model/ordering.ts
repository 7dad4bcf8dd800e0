import type { Certainty, Priority } from './vocabulary.ts';

/** How long the followers of a head in doubt wait before they are released by themselves (ms). */
export const HELD_FOR_UNKNOWN_MS = 30 * 60 * 1_000;

/** A routine delivery that is to be delivered within this time goes as STAT (ms). */
export const DELIVER_SOON_MS = 10 * 60 * 1_000;

/** Why the followers of an ordering key's head are held. */
export const HOLD_REASONS = ['HEAD_REFUSED', 'HEAD_UNKNOWN', 'HEAD_RETRYING'] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

/**
 * Why a delivery waits: for another of its ordering key, whose head ended badly or is just under way,
 * or of which one that was queued before it is held; or for the batch that it, or one before it in
 * its key, came in.
 */
export type WaitReason = HoldReason | 'BEHIND_HEAD' | 'BEHIND_HELD' | 'BATCH_RECEIVING';

/** A rule's word on what becomes of the followers. */
export interface HeadOfLineRules {
  onRefused: 'skip' | 'hold';
  onUnknown: 'hold' | 'skip';
}

/**
 * What the end of a key's head means for its followers, by the certainty that its log has then.
 * `AS_BEFORE`: nothing is known that was not known before, so they go on unless they are held.
 */
export function verdictOnHead(
  certainty: Certainty | null,
  rules: HeadOfLineRules,
): 'GO' | 'AS_BEFORE' | 'HEAD_REFUSED' | 'HEAD_UNKNOWN' {
  switch (certainty) {
    case 'ACCEPTED':
    case 'COMMITTED':
      return 'GO';
    case 'REFUSED':
      return rules.onRefused === 'hold' ? 'HEAD_REFUSED' : 'GO';
    case 'UNKNOWN':
      return rules.onUnknown === 'hold' ? 'HEAD_UNKNOWN' : 'GO';
    case 'NOT_SENT':
    case 'REFUSED_RETRYABLE':
    case null:
      return 'AS_BEFORE';
  }
}

/** Whether a delivery goes before routine ones: for its priority, or since its time comes. */
export function isUrgent(
  delivery: { priority: Priority; deliverBy: number | null },
  now: number,
): boolean {
  const { priority, deliverBy } = delivery;
  return priority === 'STAT' || (deliverBy !== null && deliverBy <= now + DELIVER_SOON_MS);
}

/** A hold that has run out while others waited behind it. */
export interface ExpiredHold {
  /** The head's. */
  logId: string;
  labIntegrationId: number;
  /** How many waited; exact up to a thousand. */
  waiting: number;
}

/** The next delivery of an ordering key has become ready. */
export interface KeyWentOn {
  labIntegrationId: number;
  priority: Priority;
}

/** What became of the looking after order and deadlines. */
export interface OrderTended {
  expired: ExpiredHold[];
  /** Integrations of which STAT tasks may be ready now: released, or their time comes. */
  urgent: number[];
}

/** What became of an operator's wish to release an ordering key. */
export type KeyRelease =
  | { outcome: 'RELEASED'; headLogId: string; waiting: number; wentOn: KeyWentOn | null }
  | { outcome: 'UNKNOWN_LOG' | 'NOT_HELD' };
