import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_BYTES } from './vault.ts';

/** Name of the key file in the data folder. */
export const KEY_FILE = 'secret.key';

/** Where the key is to be found. */
export interface KeyPlace {
  dataFolder: string;
  /** Value of `LABRELAY_KEY`: base64 of 32 bytes. */
  environmentKey?: string | undefined;
}

/** A key file that is there and can be read, but holds no key. */
export class NoKeyInFile extends Error {}

/**
 * The key that seals secrets at rest: `LABRELAY_KEY` if it is set, else the data folder's key file,
 * which is made when there is none. A file that holds no key is kept under another name, never
 * written over: somebody may still mend it. What was sealed with a lost key is told by health and
 * `doctor`; the engine starts, since everything else works without it.
 * @throws Error that says what to mend; it holds nothing of the key
 */
export async function loadKey(options: KeyPlace): Promise<Buffer> {
  const file = join(options.dataFolder, KEY_FILE);
  try {
    return (await presentKey(options)) ?? (await createKey(file));
  } catch (error) {
    if (!(error instanceof NoKeyInFile)) throw error;
    await rename(file, `${file}.unusable-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
    return createKey(file);
  }
}

/**
 * The key as {@link loadKey} would find it; nothing is made.
 * @returns null where there is none
 * @throws NoKeyInFile, or another Error that says what to mend
 */
export async function presentKey(options: KeyPlace): Promise<Buffer | null> {
  if (options.environmentKey) {
    return decode(options.environmentKey) ?? refuse('LABRELAY_KEY must be the base64 of 32 bytes');
  }
  return readKey(join(options.dataFolder, KEY_FILE));
}

/** Null where there is no such file; every other trouble is an error. */
async function readKey(file: string): Promise<Buffer | null> {
  const handle = await open(file, constants.O_RDONLY).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    return refuse(
      `${file} cannot be read (${error.code ?? 'unknown error'}); let its owner run LabRelay`,
    );
  });
  if (!handle) return null;
  try {
    // Windows has no such bits; there the folder's access list protects the file.
    const exposed = process.platform !== 'win32' && ((await handle.stat()).mode & 0o077) !== 0;
    if (exposed) refuse(`${file} can be read by others; run: chmod 600 ${file}`);
    const text = await handle.readFile('utf8');
    const key = decode(text);
    if (key) return key;
    throw new NoKeyInFile(
      `${file} holds no key; put back the one from the backup of the data folder`,
    );
  } finally {
    await handle.close();
  }
}

/**
 * Makes the key file so that a crash leaves either none or a whole one, and two starts at a time
 * agree on one: written and synced beside it, then linked to its name, which fails if it exists.
 */
async function createKey(file: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}.new`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${key.toString('base64')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const theirs = await readKey(file);
    return theirs ?? refuse(`${file} came and went while LabRelay started; start it again`);
  } finally {
    await unlink(draft);
  }
  await syncFolder(join(file, '..'));
  return key;
}

/** Makes a new name in a folder durable; Windows neither needs nor allows it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The 32 bytes of strict base64; null for everything else. */
function decode(text: string): Buffer | null {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  return key.length === KEY_BYTES && key.toString('base64') === trimmed ? key : null;
}

function refuse(message: string): never {
  throw new Error(message);
}
