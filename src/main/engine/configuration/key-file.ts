import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_BYTES } from './vault.ts';

/** Name of the key file in the data folder. */
export const KEY_FILE = 'secret.key';

/**
 * The key that seals secrets at rest: `LABRELAY_KEY` if it is set, else the data folder's key file,
 * which is made when there is none. A file that is there but cannot be used is never written over:
 * everything sealed with it would be lost.
 * @param options.environmentKey value of `LABRELAY_KEY`: base64 of 32 bytes
 * @throws Error that says what to mend; it holds nothing of the key
 */
export async function loadKey(options: {
  dataFolder: string;
  environmentKey?: string | undefined;
}): Promise<Buffer> {
  if (options.environmentKey) {
    return decode(options.environmentKey) ?? refuse('LABRELAY_KEY must be the base64 of 32 bytes');
  }
  const file = join(options.dataFolder, KEY_FILE);
  return (await readKey(file)) ?? (await createKey(file));
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
    return (
      decode(text) ?? refuse(`${file} holds no key; restore it from the backup of the data folder`)
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
