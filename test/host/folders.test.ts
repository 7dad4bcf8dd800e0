import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/main/folders.ts';
import { temporaryFolder } from '../helpers/folders.ts';

describe('a folder', () => {
  it('is made with all that is missing above it, for its owner alone', () => {
    const folder = join(temporaryFolder(), 'a', 'b', 'c');
    makeFolder(folder);
    expect(statSync(folder).isDirectory()).toBe(true);
    for (const part of [folder, join(folder, '..'), join(folder, '..', '..')]) {
      expect(statSync(part).mode & 0o077).toBe(0);
    }
  });

  it('that is there stays as it is', () => {
    const folder = join(temporaryFolder(), 'a');
    mkdirSync(folder, { mode: 0o750 });
    const { mode } = statSync(folder);
    makeFolder(folder);
    expect(statSync(folder).mode).toBe(mode);
  });

  it('is not made where a file or a dead link stands in the way', () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'file'), '');
    symlinkSync(join(root, 'nowhere'), join(root, 'link'));
    expect(() => makeFolder(join(root, 'file'))).toThrow(/EEXIST/);
    expect(() => makeFolder(join(root, 'file', 'below'))).toThrow(/ENOTDIR/);
    expect(() => makeFolder(join(root, 'link'))).toThrow(/EEXIST/);
    expect(existsSync(join(root, 'nowhere'))).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('is given up at once where none can be made', () => {
    expect(() => makeFolder('/proc/x/y')).toThrow(/ENOENT/);
  });
});
