import { existsSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the first admin key is written for its owner to find. */
export function adminTokenFile(dataFolder: string): string {
  return join(dataFolder, 'admin.token');
}

/** The file's path if it is there; null where the key was set by the environment or was removed. */
export function foundAdminTokenFile(dataFolder: string): string | null {
  const file = adminTokenFile(dataFolder);
  return existsSync(file) ? file : null;
}

/** Writes the key so that its owner alone can read it; a crash leaves no half of it. */
export async function writeAdminToken(dataFolder: string, token: string): Promise<void> {
  const file = adminTokenFile(dataFolder);
  const draft = `${file}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    // The mode above counts only where the file is made.
    await handle.chmod(0o600);
    await handle.writeFile(`${token}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
