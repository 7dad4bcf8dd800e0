import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The time is written so that names sort by it and are allowed everywhere (Windows: no colons). */
const NAME = /^labrelay-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)\.db$/;
const LEFTOVER = /^labrelay-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z\.db\.[\w-]+\.part(?:-\w+)?$/;

/** A draft of this age (ms) belongs to nobody any more: its engine ended while it was made. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1_000;

/** One scheduled backup. */
export interface BackupFile {
  file: string;
  /** Epoch milliseconds, from its name. */
  madeAt: number;
  bytes: number;
}

/** The name of a scheduled backup. */
export function backupName(madeAt: number): string {
  return `labrelay-${new Date(madeAt).toISOString().replaceAll(/[:.]/g, '-')}.db`;
}

/**
 * Scheduled backups in a folder, newest first; none where there is no such folder. Copies of before
 * an upgrade and other files there are not ours to list or to remove.
 * @throws where the folder cannot be read
 */
export async function listBackups(folder: string): Promise<BackupFile[]> {
  const backups: BackupFile[] = [];
  for (const name of await names(folder)) {
    const time = NAME.exec(name)?.[1];
    if (time === undefined) continue;
    const file = join(folder, name);
    const found = await present(file);
    if (found) backups.push({ file, madeAt: timeOf(time), bytes: found.size });
  }
  return backups.sort((a, b) => b.madeAt - a.madeAt);
}

/** Removes all but the newest scheduled backups, and what crashes left of unfinished ones. */
export async function rotateBackups(folder: string, keep: number, now: number): Promise<void> {
  for (const { file } of (await listBackups(folder)).slice(keep)) await rm(file, { force: true });
  for (const name of await names(folder)) {
    if (!LEFTOVER.test(name)) continue;
    const file = join(folder, name);
    const found = await present(file);
    if (found && now - found.mtimeMs > LEFTOVER_AGE_MS) await rm(file, { force: true });
  }
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Null where a file went meanwhile. */
async function present(file: string): Promise<{ size: number; mtimeMs: number } | null> {
  try {
    return await stat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function timeOf(time: string): number {
  return Date.parse(time.replace(/T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z$/, 'T$1:$2:$3.$4Z'));
}
