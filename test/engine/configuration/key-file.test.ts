import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY_FILE, loadKey, presentKey } from '../../../src/main/engine/configuration/key-file.ts';

let dataFolder: string;
let file: string;

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'labrelay-key-'));
  file = join(dataFolder, KEY_FILE);
});
afterEach(() => rmSync(dataFolder, { recursive: true, force: true }));

test('the first start makes a key that only its owner reads; later ones load it', async () => {
  const key = await loadKey({ dataFolder });
  expect(key).toHaveLength(32);
  expect(await loadKey({ dataFolder })).toEqual(key);
  expect(readdirSync(dataFolder)).toEqual([KEY_FILE]);
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('starts at the same time agree on one key', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadKey({ dataFolder })));
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  expect(readdirSync(dataFolder)).toEqual([KEY_FILE]);
});

test.skipIf(process.platform === 'win32')('a key that others can read is refused', async () => {
  await loadKey({ dataFolder });
  chmodSync(file, 0o640);
  await expect(loadKey({ dataFolder })).rejects.toThrow(`run: chmod 600 ${file}`);
});

test.each(['', 'not a key', randomBytes(31).toString('base64')])(
  'a file that holds no key (%j) is kept under another name, and a new key is made',
  async (content) => {
    writeFileSync(file, content, { mode: 0o600 });
    await expect(presentKey({ dataFolder })).rejects.toThrow(/holds no key; put back the one/);
    expect(readFileSync(file, 'utf8')).toBe(content);

    const key = await loadKey({ dataFolder });
    expect(key).toHaveLength(32);
    expect(await loadKey({ dataFolder })).toEqual(key);
    const [now, before] = readdirSync(dataFolder).sort();
    expect(now).toBe(KEY_FILE);
    expect(before).toMatch(/^secret\.key\.unusable-/);
    expect(readFileSync(join(dataFolder, before ?? ''), 'utf8')).toBe(content);
  },
);

test('a key file that cannot be read as a file is not replaced', async () => {
  mkdirSync(file, { mode: 0o700 });
  await expect(loadKey({ dataFolder })).rejects.toThrow();
  expect(statSync(file).isDirectory()).toBe(true);
});

describe('LABRELAY_KEY', () => {
  test('takes the place of the file', async () => {
    const key = randomBytes(32);
    const environmentKey = key.toString('base64');
    expect(await loadKey({ dataFolder, environmentKey })).toEqual(key);
    expect(readdirSync(dataFolder)).toEqual([]);
  });

  test('is refused unless it is the base64 of 32 bytes, without repeating it', async () => {
    const refusal = loadKey({ dataFolder, environmentKey: 'hunter2' });
    await expect(refusal).rejects.toThrow('LABRELAY_KEY must be the base64 of 32 bytes');
    await expect(refusal).rejects.not.toThrow('hunter2');
  });
});
