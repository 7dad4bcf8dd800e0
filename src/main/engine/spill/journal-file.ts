import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  decodePage,
  encodePage,
  type Entry,
  RECORD_HEADER,
  RECORDS_AT,
  scanRecords,
} from './record-format.ts';

/** Written where nothing is yet. Real bytes: a hole or a mere reservation may be refused later. */
const ZEROS = Buffer.alloc(2 ** 20);

/** Whoever finds a journal there that does not belong to its store moves it aside under this ending. */
const ASIDE = '.aside-';

/** A journal's file as it lies there. */
export interface FoundJournal {
  id: string;
  handle: FileHandle;
  /** Its size in bytes. */
  capacity: number;
  /** The records from its beginning on, applied or not. */
  entries: Entry[];
}

/**
 * Opens a journal's file as it is.
 * @returns null where there is none, or what is there is no journal
 * @throws where it cannot be read
 */
export async function findJournal(
  file: string,
  flags: 'r' | 'r+' = 'r+',
): Promise<FoundJournal | null> {
  const handle = await open(file, flags).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (!handle) return null;
  try {
    const { size } = await handle.stat();
    const id = decodePage(await bytesOf(handle, Math.min(size, RECORDS_AT)));
    if (id !== null) return { id, handle, capacity: size, entries: await entriesOf(handle, size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return null;
}

/**
 * Makes a journal of its full size, readable to its owner alone. It gets its name once it is whole on
 * disk, so that a crash meanwhile leaves a draft, which the next start makes anew.
 */
export async function makeJournal(file: string, bytes: number): Promise<FoundJournal> {
  const id = randomUUID();
  const draft = draftOf(file);
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx+', 0o600);
  try {
    await handle.writeFile(encodePage(id));
    for (let at = RECORDS_AT; at < bytes; at += ZEROS.length) {
      await handle.write(ZEROS, 0, Math.min(ZEROS.length, bytes - at), at);
    }
    await handle.sync();
    await rename(draft, file);
    await syncFolder(dirname(file));
    return { id, handle, capacity: bytes, entries: [] };
  } catch (error) {
    await handle.close();
    await rm(draft, { force: true });
    throw error;
  }
}

/** Takes what lies under a journal's name out of the way; it is kept. */
export async function moveAside(file: string, now: number): Promise<string> {
  const aside = `${file}${ASIDE}${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
  await rename(file, aside);
  await syncFolder(dirname(file));
  return aside;
}

/** Where a journal lies until it is whole. */
function draftOf(file: string): string {
  return `${file}.draft`;
}

/** Read as a whole only where anything was ever written. */
async function entriesOf(handle: FileHandle, size: number): Promise<Entry[]> {
  const first = await bytesOf(handle, Math.min(size, RECORDS_AT + RECORD_HEADER));
  if (first.subarray(RECORDS_AT).every((byte) => byte === 0)) return [];
  return scanRecords(await bytesOf(handle, size));
}

async function bytesOf(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, 0);
  return bytes.subarray(0, bytesRead);
}

/** Makes names in a folder durable; Windows neither needs nor allows it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
