import type { StoreCounts } from './backup.ts';
import type { Certainty } from './vocabulary.ts';

/** What a backup file says of itself. */
export interface BackupFacts {
  schemaVersion: number;
  counts: StoreCounts;
  /** Epoch milliseconds; null for a copy that was made by hand, or before a migration. */
  madeAt: number | null;
  madeBy: string | null;
  /** When its newest log was written; null where it has none. */
  newestLogAt: number | null;
  /** The JSON of the sealed key; null where it has none. */
  sealedKey: string | null;
}

/** Open deliveries of a restored store, all of them held. */
export interface HeldByRestore {
  labIntegrationId: number;
  name: string;
  /** Null: no attempt was made. */
  certainty: Certainty | null;
  count: number;
}

/** What restoring did to what was open. */
export interface Held {
  /** Attempts that were under way when the copy was made; the partner may have got them. */
  unknown: number;
  /** Outcomes that were known but not yet reported; they are applied. */
  reported: number;
  /** Sessions of browsers that were ended. */
  sessions: number;
}

/** How the store that is replaced differs from the copy. */
export interface SinceBackup {
  /** Logs that only the replaced store has; null where it is no later state of the copy. */
  newerLogs: number | null;
  /** Of those held: the replaced store knows of an attempt that the copy does not. */
  sentSince: number;
  /** Bodies of those held that were built after the backup was made; they keep their numbers. */
  laterBodies: number;
  /** Deliveries that somebody dropped after the backup was made; they stay dropped. */
  droppedSince: number;
  /** Access keys that were revoked after the copy was made, and are valid again: names. */
  revokedSince: string[];
}
