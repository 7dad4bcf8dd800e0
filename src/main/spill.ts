import { join } from 'node:path';
import { LabRelayError } from '../shared/errors.ts';
import type { AppLog } from './app-log.ts';
import { openJournal } from './engine/spill/open-journal.ts';
import type { SpillPort } from './engine/spill/port.ts';
import type { Journal } from './engine/spill/spilled-records.ts';
import { type FolderLock, lockFolder } from './store/folder-lock.ts';

/** Size of the spill journal (bytes): some ten thousand outcomes. */
const JOURNAL_BYTES = 64 * 2 ** 20;

/** Where the journal lies in a data folder. */
export function spillFile(dataFolder: string): string {
  return join(dataFolder, 'spill.journal');
}

/** Records that the store refused for good. */
export function rejectedFile(dataFolder: string): string {
  return join(dataFolder, 'spill-rejected.jsonl');
}

/** The journal's size: `LABRELAY_SPILL_MIB` is for tests, which make many. */
export function journalBytes(environment = process.env): number {
  const mib = Number(environment['LABRELAY_SPILL_MIB'] ?? '');
  return mib > 0 ? mib * 2 ** 20 : JOURNAL_BYTES;
}

/** An opened journal, and how to let go of it. */
export interface OpenedSpill {
  journal: Journal;
  /** Idempotent, as the room that uses the journal closes it too. */
  close: () => Promise<void>;
}

/**
 * Opens the journal of a store: in its data folder, which is locked already, or in a folder of another
 * volume. There its name holds the engine's id, so that several engines may share the folder, and it has
 * a lock of its own. That it cannot be opened keeps nothing from starting: health says so.
 * @throws LabRelayError `STORE_UNAVAILABLE` where it is the store that does not answer
 */
export async function openSpill(
  store: SpillPort,
  log: AppLog,
  place: { dataFolder: string; spillFolder: string | null; engineId: string },
): Promise<OpenedSpill> {
  const { dataFolder, spillFolder, engineId } = place;
  let lock: FolderLock | null = null;
  try {
    if (spillFolder) lock = lockFolder(spillFolder, `spill-${engineId}.lock`);
    const file = spillFolder
      ? join(spillFolder, `spill-${engineId}.journal`)
      : spillFile(dataFolder);
    const journal = await openJournal({
      store,
      file,
      bytes: journalBytes(),
      clock: Date.now,
      onMovedAside: () => log.warn('spill_moved_aside'),
    });
    const close = async () => {
      await journal.close();
      lock?.release();
    };
    return { journal: { journal, fault: null }, close };
  } catch (error) {
    lock?.release();
    // Going on, the recovery would call attempts UNKNOWN whose outcomes wait in the journal.
    if (error instanceof LabRelayError && error.code === 'STORE_UNAVAILABLE') throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    log.warn('spill_missing', { code });
    return { journal: { journal: null, fault: code }, close: async () => {} };
  }
}
