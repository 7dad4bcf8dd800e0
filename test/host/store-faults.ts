import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeFile } from '../../src/main/store/store.ts';

/** A file system of its own, small enough to be filled up. */
export interface SmallDisk {
  folder: string;
  /** Takes every byte that is left. */
  fill: () => void;
  /** Gives them back. */
  empty: () => void;
  remove: () => void;
}

/** A mounted tmpfs; null where this user may not mount: then a full disk cannot be had here. */
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
        const bytes = Buffer.alloc(size);
        while (takes(handle, bytes));
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

/** Another process that locks a store against writers, as a careless tool would. */
export function lockStore(dataFolder: string) {
  const library = createRequire(import.meta.url).resolve('better-sqlite3');
  const script = `
    const db = new (require(${JSON.stringify(library)}))(${JSON.stringify(storeFile(dataFolder))});
    db.exec('BEGIN EXCLUSIVE');
    process.stdout.write('locked');
    setInterval(() => {}, 1000);`;
  let child: ReturnType<typeof spawn> | null = null;
  return {
    take: async (): Promise<void> => {
      const taking = spawn(process.execPath, ['-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child = taking;
      await once(taking.stdout, 'data');
    },
    /** Idempotent. */
    release: async (): Promise<void> => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Has the system refuse writes to the store's WAL, whoever has it open already. */
export function refuseWrites(dataFolder: string) {
  const wal = `${storeFile(dataFolder)}-wal`;
  return {
    begin: () => {
      if (!runs('chattr', '+i', wal)) throw new Error('chattr +i failed');
    },
    /** Idempotent. */
    end: () => void runs('chattr', '-i', wal),
  };
}

/** Whether `chattr +i` keeps even root from writing here. */
export function canRefuseWrites(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-chattr-'));
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const handle = openSync(file, 'a');
  try {
    return runs('chattr', '+i', file) && !takes(handle, Buffer.from('x'));
  } finally {
    closeSync(handle);
    runs('chattr', '-i', file);
    rmSync(folder, { recursive: true });
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
