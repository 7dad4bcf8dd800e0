import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Endings of what SQLite keeps beside a store's file. */
export const COMPANIONS = ['-wal', '-shm', '-journal'] as const;

/**
 * Makes a file's content durable. Never for the store in use by this very process: closing any
 * handle on it would let go of SQLite's locks (POSIX).
 */
export function syncFile(file: string): void {
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes names in a folder durable; Windows neither needs nor allows it. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Removes a store's file with all that SQLite keeps beside it; nothing there is fine. */
export function removeStoreFile(file: string): void {
  for (const ending of ['', ...COMPANIONS]) rmSync(file + ending, { force: true });
}

/**
 * Gives a finished draft its name, so that a crash leaves the old content or the new, never half.
 * @throws an error with code `EEXIST` where the name is taken and may not be replaced
 */
export function publish(draft: string, target: string, overwrite: boolean): void {
  if (overwrite) renameSync(draft, target);
  else linkNew(draft, target);
  syncFolder(dirname(target));
}

/** Renaming would replace what appeared meanwhile; linking refuses to. */
function linkNew(draft: string, target: string): void {
  try {
    linkSync(draft, target);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    // FAT and some shares have no links: the name is claimed first, then filled.
    closeSync(openSync(target, 'wx', 0o600));
    renameSync(draft, target);
    return;
  }
  unlinkSync(draft);
}

/** Whether the file system knows no hard links. */
export function isWithoutLinks(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'].includes(code);
}
