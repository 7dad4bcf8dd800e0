import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { LabRelayError } from '../../shared/errors.ts';
import {
  COMPANIONS,
  isWithoutLinks,
  removeStoreFile,
  syncFile,
  syncFolder,
} from './durable-files.ts';
import { storeFile } from './store.ts';

/** Where a copy is made ready, beside the store that it will replace. */
export function restoreDraft(dataDir: string): string {
  return join(dataDir, 'labrelay.restoring.db');
}

/**
 * Takes a backup file into the data folder, to be checked and made ready there; the file itself is
 * only read.
 * @throws LabRelayError `NOT_A_BACKUP` where it cannot be read
 */
export function takeBackup(file: string, dataDir: string): string {
  const draft = restoreDraft(dataDir);
  removeStoreFile(draft);
  try {
    // A clone where the file system can make one: it costs no time and no space.
    copyFileSync(file, draft, constants.COPYFILE_FICLONE);
    chmodSync(draft, 0o600);
    // A store that was copied by hand may have commits beside it.
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${draft}-wal`);
  } catch (error) {
    removeStoreFile(draft);
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new LabRelayError(
      'NOT_A_BACKUP',
      `${file} cannot be copied into the data folder (${code}); check its name, its rights and the disk.`,
    );
  }
  return draft;
}

/**
 * Puts a copy in the place of the store, which is kept in a folder of its own. At every moment there
 * is either the old store or the new one under the store's name: an engine that found none would
 * begin an empty one.
 *
 * @param keepAside folder that the present store is moved into; made here
 * @returns whether there was a store to be kept
 */
export function putInPlace(draft: string, dataDir: string, keepAside: string): boolean {
  const file = storeFile(dataDir);
  const isThere = existsSync(file);
  if (isThere) {
    foldWal(file);
    mkdirSync(keepAside, { recursive: true, mode: 0o700 });
    // What is not folded in belongs to the old store; beside the new one it would damage it.
    for (const ending of COMPANIONS) moveIfThere(file + ending, keepAside);
    keep(file, keepAside);
    syncFolder(keepAside);
  }
  syncFile(draft);
  renameSync(draft, file);
  removeStoreFile(draft);
  syncFolder(dataDir);
  return isThere;
}

/** Keeps a file under its own name in another folder, leaving it here to be replaced. */
export function keep(file: string, folder: string): void {
  const kept = join(folder, basename(file));
  try {
    linkSync(file, kept);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    copyFileSync(file, kept, constants.COPYFILE_EXCL);
    syncFile(kept);
  }
}

/** A store that was closed cleanly has nothing beside it; one whose engine died has. */
function foldWal(file: string): void {
  try {
    const db = new Database(file);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
  } catch (error) {
    // Damaged: it is kept as it is, with all that lies beside it.
    if (!(error instanceof Database.SqliteError)) throw error;
  }
}

function moveIfThere(file: string, folder: string): void {
  if (existsSync(file)) renameSync(file, join(folder, basename(file)));
}
