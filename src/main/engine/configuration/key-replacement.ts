import { existsSync } from 'node:fs';
import { copyFile, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_FILE, NoKeyInFile, presentKey } from './key-file.ts';

/**
 * Puts a key into the data folder's key file. A file that holds another one is kept.
 *
 * @param keepAside folder for the present file; it exists
 * @returns whether anything had to be changed
 */
export async function replaceKey(
  dataFolder: string,
  key: Buffer,
  keepAside: string,
): Promise<boolean> {
  const file = join(dataFolder, KEY_FILE);
  const present = await presentKey({ dataFolder }).catch((error: unknown) => {
    if (error instanceof NoKeyInFile) return null;
    throw error;
  });
  if (present?.equals(key)) return false;
  if (existsSync(file)) await copyFile(file, join(keepAside, KEY_FILE));
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(`${key.toString('base64')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  return true;
}
