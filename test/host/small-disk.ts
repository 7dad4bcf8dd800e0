import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, small enough to be filled up. */
export interface SmallDisk {
  folder: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Gives them back. */
  empty(): void;
  remove(): void;
}

/** A mounted tmpfs; null where this user may not mount (then the test cannot run here). */
export function smallDisk(mib: number): SmallDisk | null {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-disk-'));
  if (!runs('mount', '-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder)) {
    rmSync(folder, { recursive: true });
    return null;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    fill() {
      const handle = openSync(filler, 'a');
      for (let size = 2 ** 20; size > 0; size = Math.floor(size / 2)) {
        while (takes(handle, Buffer.alloc(size))) {
          // Until the system has no more.
        }
      }
      closeSync(handle);
    },
    empty: () => rmSync(filler, { force: true }),
    remove() {
      runs('umount', '-l', folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function takes(handle: number, bytes: Buffer): boolean {
  try {
    return writeSync(handle, bytes) > 0;
  } catch {
    return false;
  }
}

/** Whether a command of the system did what it was asked. */
function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
