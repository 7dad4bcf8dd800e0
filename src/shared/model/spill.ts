import type { InboundCall } from './call.ts';
import type { Settlement, SettlementResult, TaskDeath } from './delivery.ts';

/**
 * What is kept in the spill journal while the store cannot be written (design rule 8): what would be
 * lost otherwise, since nobody can be asked for it again. The store takes each exactly once.
 */
export type SpillRecord =
  /** The outcome of a send: known here alone. */
  | { kind: 'SETTLEMENT'; settlement: Settlement }
  /** Log and attempt tell the task from a later one: ids of tasks that have left come again. */
  | { kind: 'DEATH'; death: TaskDeath; logId: string; attempt: number }
  /** A call that was answered. */
  | { kind: 'CALL'; call: InboundCall };

/** Takes records while the store does not. */
export interface Spill {
  /**
   * Keeps a record durably.
   * @returns false where there is no room or the journal cannot be written either
   */
  keep(record: SpillRecord): Promise<boolean>;
}

/** A journal as its store knows it. */
export interface KnownJournal {
  id: string;
  /** Where it lies; null: in the data folder, wherever that is, since folders are copied and moved. */
  folder: string | null;
}

/** What a store knows of its journal. */
export interface SpillState {
  /** The journal whose records are this store's; null: none yet, or none since it was restored. */
  journal: KnownJournal | null;
  /** The sequence of the last record that was applied; 0: none. */
  applied: number;
}

/** What applying one record did. */
export type SpillApplied =
  | {
      outcome: 'APPLIED';
      /** Null where it was no settlement, or its task had left already. */
      settled: (SettlementResult & { labIntegrationId: number }) | null;
    }
  /** It was applied before; nothing was done. */
  | { outcome: 'REPEATED' }
  /** The one before it has not been applied; nothing was done. */
  | { outcome: 'OUT_OF_ORDER' };

/** How out-of-band logging stands. */
export interface SpillFigures {
  /** Epoch ms since when the store refuses writes; null: it takes them. */
  refusedSince: number | null;
  /** Null where there is no journal; then why not. */
  journal: { capacity: number; used: number; waiting: number; isFull: boolean } | null;
  fault: string | null;
  /** Records kept since the start, by kind. */
  kept: Record<SpillRecord['kind'], number>;
  /** Since the start: records without room, and records that the store refused for good. */
  full: number;
  setAside: number;
}
