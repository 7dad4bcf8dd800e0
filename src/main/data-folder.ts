import { isMainThread } from 'node:worker_threads';
import { makeFolder } from './folders.ts';

/**
 * Makes the folder, and all that will be made in it, for its owner alone. A folder that exists keeps
 * the rights it was given, so the files in it need their own.
 */
export function makeDataFolder(folder: string): void {
  // A worker thread (as in tests) has no mask of its own to set.
  if (isMainThread) process.umask(0o077);
  try {
    makeFolder(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(
      `The data folder ${folder} cannot be made (${code}). Name another with --data.`,
      { cause: error },
    );
  }
}
