import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyStore } from '../../src/main/store/backup.ts';
import { examineBackup } from '../../src/main/store/restore.ts';
import { openStore } from '../../src/main/store/store.ts';
import type { BackupRequest } from '../../src/shared/model/backup.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { configure, delivery, event } from './samples.ts';

let store: OpenStore & { file: string };
let folder: string;
beforeEach(() => {
  store = openLocalStore();
  folder = temporaryFolder();
});
afterEach(() => store.close());

function request(more: Partial<BackupRequest> = {}): BackupRequest {
  return {
    target: join(folder, 'copy.db'),
    overwrite: false,
    sealedKey: null,
    madeAt: Date.parse('2026-11-24T02:30:00Z'),
    madeBy: '0.1.0',
    ...more,
  };
}

async function addLogs(count: number): Promise<void> {
  const rule = await configure(store);
  await store.acceptEvent(event(Array.from({ length: count }, () => delivery(rule))));
}

describe('a copy of a store', () => {
  test('is one checked file for its owner alone, and tells when it was made', async () => {
    await addLogs(3);
    const made = await copyStore(store.file, request());
    expect(made).toMatchObject({
      file: join(folder, 'copy.db'),
      counts: { logs: 3, openTasks: 3, events: 1, labIntegrations: 1 },
    });
    expect(readdirSync(folder)).toEqual(['copy.db']);
    if (process.platform !== 'win32') expect(statSync(made.file).mode & 0o777).toBe(0o600);
    expect(examineBackup(made.file)).toMatchObject({
      madeAt: Date.parse('2026-11-24T02:30:00Z'),
      madeBy: '0.1.0',
      counts: made.counts,
      sealedKey: null,
    });
    // The note of the copy is not in the store itself.
    const db = new Database(store.file, { readonly: true });
    expect(db.prepare(`SELECT * FROM meta WHERE name LIKE 'backup%'`).all()).toEqual([]);
    db.close();
  });

  test('is as of one moment, however much is committed meanwhile', async () => {
    const bulk = 'x'.repeat(200_000);
    const rule = await configure(store);
    const write = () =>
      store.acceptEvent(event([delivery(rule, {}, JSON.stringify(Math.random() + bulk))]));
    for (let n = 0; n < 40; n++) await write();
    const enough = new AbortController();
    const writing = (async () => {
      while (!enough.signal.aborted) await write();
    })();
    const made = await copyStore(store.file, request());
    enough.abort();
    await writing;
    const { counts } = examineBackup(made.file);
    expect(counts.logs).toBe(counts.events);
    expect(counts.logs).toBeGreaterThanOrEqual(40);
  });

  test('never replaces a file unless told to', async () => {
    await addLogs(1);
    writeFileSync(join(folder, 'copy.db'), 'mine');
    await expect(copyStore(store.file, request())).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'FILE', reason: expect.stringContaining('--force') }],
    });
    expect(readFileSync(join(folder, 'copy.db'), 'utf8')).toBe('mine');
    await copyStore(store.file, request({ overwrite: true }));
    expect(examineBackup(join(folder, 'copy.db')).counts.logs).toBe(1);
    expect(readdirSync(folder)).toEqual(['copy.db']);
  });

  test('never replaces the store itself', async () => {
    await addLogs(1);
    const wish = request({ target: store.file, overwrite: true });
    await expect(copyStore(store.file, wish)).rejects.toThrow('cannot replace itself');
  });

  test('that cannot be made says what to mend, and leaves nothing behind', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(
      copyStore(store.file, request({ target: join(folder, 'file', 'copy.db') })),
    ).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
    await expect(
      copyStore(store.file, request({ target: join(folder, 'none', 'copy.db') })),
    ).rejects.toThrow(/does not exist; make it or name another/);
    await expect(copyStore(join(folder, 'no.db'), request())).rejects.toThrow('there is no store');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('a file that is no backup', () => {
  test.each([
    ['no database', () => writeFileSync(join(folder, 'f'), 'x'.repeat(5_000)), 'cannot be read'],
    [
      'another database',
      () => new Database(join(folder, 'f')).exec('CREATE TABLE a (b)'),
      'not of LabRelay',
    ],
  ])('is refused: %s', (_what, make, words) => {
    make();
    expect(() => examineBackup(join(folder, 'f'))).toThrow(words);
  });

  test('is refused where a page is damaged', async () => {
    await addLogs(500);
    const { file } = await copyStore(store.file, request());
    const bytes = readFileSync(file);
    bytes.fill(0xff, bytes.length / 2, bytes.length / 2 + 4_096);
    writeFileSync(file, bytes);
    expect(() => examineBackup(file)).toThrow(expect.objectContaining({ code: 'NOT_A_BACKUP' }));
  });

  test('is refused where a newer LabRelay wrote it', async () => {
    const { file } = await copyStore(store.file, request());
    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    expect(() => examineBackup(file)).toThrow(expect.objectContaining({ code: 'STORE_NEWER' }));
  });
});

test('a running store copies itself on a thread of its own', async () => {
  const dataDir = temporaryFolder();
  const running = await openStore({ dataDir });
  try {
    const made = await running.backup(request());
    expect(made.counts.logs).toBe(0);
    await expect(running.backup(request())).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(await running.engineId('e')).toBe('e');
  } finally {
    await running.close();
  }
});
