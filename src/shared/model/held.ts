import type { BuiltRevision } from './delivery.ts';
import type { Reference } from './domain.ts';
import type { Certainty, HeldReason } from './vocabulary.ts';

/**
 * What is being done to what waits for an integration, in chunks; it is on disk, so that a restart
 * goes on with it. Nothing of the integration is claimed meanwhile.
 */
export type WaitingAction = 'HOLD' | HeldAction;

/** What may become of held deliveries. */
export const HELD_ACTIONS = ['RELEASE', 'REBUILD', 'DROP'] as const;
export type HeldAction = (typeof HELD_ACTIONS)[number];

/** Which held deliveries are meant; everything given must hold. Times are epoch milliseconds. */
export interface HeldFilter {
  labIntegrationId: number | null;
  heldReasons: readonly HeldReason[] | null;
  /** What the log knows of earlier attempts; `NONE`: none was made. */
  certainty: Certainty | 'NONE' | null;
  /** When the log was created: from, and before. */
  from: number | null;
  to: number | null;
}

/** One held delivery, with what building its body anew takes. */
export interface HeldTask {
  taskId: number;
  logId: string;
  labId: number;
  labIntegrationId: number;
  actionCategory: string;
  eventId: string | null;
  references: Reference[];
  heldReason: HeldReason | null;
  /** Of its present body; empty where it has none. */
  sha256: string;
  /** Its body came ready; there is nothing that it could be built from. */
  isBodyGiven: boolean;
}

/** Held deliveries of one kind, counted. */
export interface HeldGroup {
  labIntegrationId: number;
  heldReason: HeldReason | null;
  certainty: Certainty | null;
  count: number;
  /** When the oldest log of them was created. */
  oldestAt: number;
}

/** What becomes of one held delivery. */
export type HeldFate = { taskId: number } & (
  | { kind: 'RELEASE' }
  /** Goes out with a new body. */
  | { kind: 'REPLACE'; revision: BuiltRevision }
  | { kind: 'DROP' }
  /** Its body could not be built anew. `message` holds no value of the input. */
  | { kind: 'FAIL'; message: string }
);

/** How many went which way. */
export interface HeldCounts {
  released: number;
  rebuilt: number;
  dropped: number;
  failed: number;
  /** Those that stayed, since their rule is switched off. */
  disabled: number;
}

/** What became of a chunk of held deliveries. */
export interface HeldSettled extends HeldCounts {
  /** The action that it was part of is over or was overtaken by another: nothing was done. */
  isOvertaken: boolean;
}

/** An action that is under way, as the store keeps it. */
export interface PendingWaitingAction {
  labIntegrationId: number;
  action: WaitingAction;
  actor: string;
}
