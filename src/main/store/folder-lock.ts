import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LabRelayError } from '../../shared/errors.ts';

/** Holds a data folder for one engine. */
export interface FolderLock {
  release(): void;
}

/**
 * Locks a data folder for as long as this process lives. SQLite's own file lock is used on a file
 * of its own: the system lets go of it when a process dies in whatever way, so no stale lock file
 * has to be judged, and it works on every platform that the store works on.
 *
 * @param name of that file, where a folder holds what several engines lock each for itself
 * @throws LabRelayError `STORE_LOCKED` where another engine holds the folder
 */
export function lockFolder(folder: string, name = 'labrelay.lock'): FolderLock {
  const db = new Database(join(folder, name), { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new LabRelayError(
        'STORE_LOCKED',
        `Another LabRelay is running on the data folder ${folder}. Stop it, or name another folder with --data.`,
      );
    }
    throw error;
  }
  return {
    release: () => {
      db.close();
    },
  };
}
