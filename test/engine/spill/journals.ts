import { basename, join } from 'node:path';
import { type JournalOptions, openJournal } from '../../../src/main/engine/spill/open-journal.ts';
import type { SpillJournal } from '../../../src/main/engine/spill/journal.ts';
import type { InboundCall } from '../../../src/shared/model/call.ts';
import type { AttemptReport } from '../../../src/shared/model/delivery.ts';
import type { KnownJournal, SpillRecord, SpillState } from '../../../src/shared/model/spill.ts';
import { temporaryFolder } from '../../helpers/folders.ts';

/** What a store knows, without the store. */
export class KnowingStore {
  state: SpillState = { journal: null, applied: 0 };

  spillState = async (): Promise<SpillState> => structuredClone(this.state);
  adoptJournal = async (journal: KnownJournal): Promise<void> => {
    this.state = { ...this.state, journal };
  };
}

/**
 * Opens a journal as an engine does at its start.
 * @param file of a data folder's, or of another folder's
 */
export function reopen(
  store: KnowingStore,
  file: string,
  options: Partial<JournalOptions> = {},
): Promise<SpillJournal> {
  return openJournal({
    store,
    folder: null,
    fileIn: (folder) => (folder === null ? file : join(folder, basename(file))),
    lockFormer: () => ({ release: () => {} }),
    bytes: 64 * 1024,
    clock: Date.now,
    onMovedAside: () => {},
    onMissing: () => {},
    ...options,
  });
}

export function newJournalFile(): string {
  return join(temporaryFolder(), 'spill.journal');
}

/** A record that is told from others by its number. @param size of its body, in characters */
export function record(number: number, size = 10): SpillRecord {
  const report = { logId: `log-${number}`, responseBody: 'b'.repeat(size) } as AttemptReport;
  return { kind: 'SETTLEMENT', settlement: { taskId: number, report, reportOverHttp: null } };
}

/** A call that is told from others by its number. */
export function callRecord(number: number, size = 10): SpillRecord {
  const call = { logId: `log-${number}`, requestBody: 'b'.repeat(size) } as InboundCall;
  return { kind: 'CALL', call };
}

/** The numbers of what waits, in order. */
export async function waitingIn(journal: SpillJournal): Promise<number[]> {
  const read = await journal.read(10_000);
  return read.map(({ record: one }) => {
    if (one?.kind === 'SETTLEMENT') return one.settlement.taskId;
    return one?.kind === 'CALL' ? Number(one.call.logId.slice('log-'.length)) : Number.NaN;
  });
}
