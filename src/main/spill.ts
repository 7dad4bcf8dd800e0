import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { LabRelayError } from '../shared/errors.ts';
import type { AppLog } from './app-log.ts';
import { openJournal } from './engine/spill/open-journal.ts';
import type { SpillPort } from './engine/spill/port.ts';
import type { Journal } from './engine/spill/spilled-records.ts';
import { type FolderLock, lockFolder } from './store/folder-lock.ts';

/** Size of the spill journal (bytes): some ten thousand outcomes. */
const JOURNAL_BYTES = 64 * 2 ** 20;

/**
 * The journal's file: in the data folder, or in a folder of another volume. There its name holds the
 * engine's id, so that several engines may share the folder.
 */
export function spillFile(
  dataFolder: string,
  spillFolder: string | null,
  engineId: string,
): string {
  if (spillFolder === null) return join(dataFolder, 'spill.journal');
  return join(spillFolder, `spill-${engineId}.journal`);
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
 * Opens the journal of a store. The data folder is locked already; in a folder of another volume each
 * journal has a lock of its own, since a copy of the data folder has the same engine id. That it cannot
 * be opened keeps nothing from starting: health says so.
 * @throws LabRelayError `STORE_UNAVAILABLE` where it is the store that does not answer
 */
export async function openSpill(
  store: SpillPort,
  log: AppLog,
  place: { dataFolder: string; spillFolder: string | null; engineId: string },
): Promise<OpenedSpill> {
  const { dataFolder, spillFolder, engineId } = place;
  const hold = (folder: string | null): FolderLock => {
    if (folder === null) return { release: () => {} };
    // SQLite would not tell why.
    accessSync(folder, constants.W_OK);
    return lockFolder(folder, `spill-${engineId}.lock`);
  };
  let lock: FolderLock | null = null;
  try {
    lock = hold(spillFolder);
    const journal = await openJournal({
      store,
      folder: spillFolder,
      fileIn: (folder) => spillFile(dataFolder, folder, engineId),
      lockFormer(folder) {
        try {
          return hold(folder);
        } catch {
          // Another engine's, or not there any more.
          return null;
        }
      },
      bytes: journalBytes(),
      clock: Date.now,
      onMovedAside: () => log.warn('spill_moved_aside'),
      onMissing: () => log.warn('spill_not_found'),
    });
    const held = lock;
    const close = async () => {
      await journal.close();
      held.release();
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
