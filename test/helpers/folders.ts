import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Temporary folders that are removed after each test. */
const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder for this test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'labrelay-test-'));
  made.push(folder);
  return folder;
}
