import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isInstalled } from '../support/programs.ts';

const root = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

/** Runs the browser step on a machine that has no browser. */
async function withoutBrowser(ci: string) {
  const env = { ...process.env, LABRELAY_CHROMIUM: '/nowhere/chromium', CI: ci };
  return run(process.execPath, ['scripts/run.mjs', 'test', 'e2e'], { cwd: root, env }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      text: error.stdout + error.stderr,
    }),
  );
}

describe('npm test on a machine that lacks a program', () => {
  it('says in one line what is skipped, counts it, and is green', async () => {
    const { code, text } = await withoutBrowser('');
    expect(code).toBe(0);
    const said = text.split('\n').filter((line) => line.startsWith('SKIPPED'));
    expect(said).toEqual([expect.stringMatching(/browser need \/nowhere\/chromium/)]);
    expect(text).toMatch(/^[1-9]\d* skipped$/m);
    expect(text).toMatch(/^0 passed, 0 failed$/m);
  });

  it('fails where it is to check everything (CI is set)', async () => {
    const { code, text } = await withoutBrowser('true');
    expect(code).toBe(1);
    expect(text).toMatch(/need \/nowhere\/chromium, which is not installed.*CI is set/);
    expect(text).not.toMatch(/passed/);
  });
});

describe('a program', () => {
  it('is found by its path or on PATH, and nowhere else', () => {
    expect(isInstalled(process.execPath)).toBe(true);
    expect(isInstalled('node', { PATH: join(process.execPath, '..') })).toBe(true);
    expect(isInstalled('node', { PATH: '' })).toBe(false);
    expect(isInstalled(root)).toBe(false);
  });
});
