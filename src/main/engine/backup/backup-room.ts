import { stat, statfs } from 'node:fs/promises';
import { LabRelayError } from '../../../shared/errors.ts';

/** Room (bytes) that a backup leaves on its disk: the store itself may lie on the same one. */
const SPARE_BYTES = 256 * 2 ** 20;

/**
 * @param freeBytes where it is to differ from the system's word
 * @throws LabRelayError `BACKUP_FAILED` where a copy of the store would leave too little room
 */
export async function checkRoom(
  folder: string,
  storeFile: string,
  freeBytes: (folder: string) => Promise<number> = freeBytesOf,
): Promise<void> {
  // What is still in the WAL comes into the copy as well; there may be none.
  const wal = await stat(`${storeFile}-wal`).catch(() => ({ size: 0 }));
  const needed = (await stat(storeFile)).size + wal.size + SPARE_BYTES;
  const free = await freeBytes(folder);
  if (free >= needed) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new LabRelayError(
    'BACKUP_FAILED',
    `The backup was not made: ${folder} has ${mib(free)} free, and ${mib(needed)} are needed. Make room there, keep fewer (backup_keep) or name another disk (backup_folder).`,
  );
}

/** What is wrong with a backup folder, with the cure. */
export function folderFault(folder: string, error: unknown): LabRelayError {
  if (error instanceof LabRelayError) return error;
  const code = codeOf(error);
  return new LabRelayError(
    'BACKUP_FAILED',
    `The backup was not made: ${folder} cannot be used (${code}). Check that it is a folder that LabRelay may write, or name another (backup_folder).`,
  );
}

/** An error's code; its message may name paths. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
