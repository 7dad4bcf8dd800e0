import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Temporary folders that last for a whole test file. */
export function foldersOfFile() {
  const made: string[] = [];
  return {
    make: (): string => {
      const folder = mkdtempSync(join(tmpdir(), 'labrelay-cli-'));
      made.push(folder);
      return folder;
    },
    read: (file: string): string => readFileSync(file, 'utf8'),
    remove: (): void => {
      for (const folder of made) rmSync(folder, { recursive: true, force: true });
    },
  };
}
