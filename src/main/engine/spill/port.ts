import type {
  KnownJournal,
  SpillApplied,
  SpillRecord,
  SpillState,
} from '../../../shared/model/spill.ts';

/** What the journal needs of the store, as whole commands. */
export interface SpillPort {
  spillState(): Promise<SpillState>;
  /** Notes which journal's records are this store's from now on; what was applied stays so. */
  adoptJournal(journal: KnownJournal): Promise<void>;
  /**
   * Applies one record and advances the sequence in one transaction. Only the very next one is
   * applied, so that several may be asked for at once and one that is refused holds up the rest.
   *
   * @param request.record null: this sequence is passed over
   */
  applySpilled(request: { sequence: number; record: SpillRecord | null }): Promise<SpillApplied>;
  /** Commits a write that changes nothing. @throws where the store cannot be written */
  probeWrite(): Promise<void>;
}
