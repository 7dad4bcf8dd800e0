import Database from 'better-sqlite3';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openStore, type Store, storeFile } from '../../src/main/store/store.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { configure, delivery, event } from './samples.ts';

const opened: Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function open(options: { dataDir: string; maxPageCount?: number }): Promise<Store> {
  const store = await openStore(options);
  opened.push(store);
  return store;
}

describe('the writer', () => {
  test('runs WAL with synchronous FULL and foreign keys on', async () => {
    const dataDir = temporaryFolder();
    const store = await open({ dataDir });
    const rule = await configure(store);
    // A log of a lab that does not exist breaks a foreign key.
    const stray = event([delivery(rule)]);
    stray.event.labId = 99;
    await expect(store.acceptEvent(stray)).rejects.toThrow(/FOREIGN KEY/);
    const db = new Database(storeFile(dataDir), { readonly: true });
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  test('a request that breaks a constraint fails alone; its neighbours in the batch are kept', async () => {
    const store = await open({ dataDir: temporaryFolder() });
    const rule = await configure(store);
    const twice = delivery(rule);
    const results = await Promise.allSettled([
      store.acceptEvent(event([delivery(rule)])),
      // The second log has the first one's id: the whole request is undone, its first log too.
      store.acceptEvent(event([twice, twice])),
      store.acceptEvent(event([delivery(rule)])),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store.figures()).logsByStatus).toMatchObject({ PENDING: 2 });
    expect(await store.getLog(twice.log.logId)).toBeNull();
  });

  test('a full disk in mid-batch fails every request of the batch, and nobody is told otherwise', async () => {
    const dataDir = temporaryFolder();
    const seed = await openStore({ dataDir });
    const rule = await configure(seed);
    await seed.close();
    const pages = new Database(storeFile(dataDir));
    const size = pages.pragma('page_count', { simple: true }) as number;
    pages.close();

    const store = await open({ dataDir, maxPageCount: size + 12 });
    const big = () => delivery(rule, {}, randomText(200_000));
    const small = [delivery(rule), delivery(rule)];
    const results = await Promise.allSettled([
      store.acceptEvent(event([small[0] as never])),
      store.acceptEvent(event([big()])),
      store.acceptEvent(event([small[1] as never])),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    for (const result of results) {
      expect((result as PromiseRejectedResult).reason).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    }
    expect((await store.figures()).logsByStatus['PENDING'] ?? 0).toBe(0);
    // The writer goes on: what fits is taken.
    await store.acceptEvent(event([delivery(rule)]));
    expect((await store.figures()).logsByStatus['PENDING']).toBe(1);
  });

  test('a listener that throws breaks no command, and is told of', async () => {
    const store = await open({ dataDir: temporaryFolder() });
    const rule = await configure(store);
    const broken = new Error('broken');
    const faults: unknown[] = [];
    store.listen(
      () => {
        throw broken;
      },
      (error) => faults.push(error),
    );
    const both = [delivery(rule), delivery(rule)];
    await Promise.all(both.map((one) => store.acceptEvent(event([one]))));
    expect(faults).toEqual([broken, broken]);
    expect((await store.figures()).logsByStatus).toMatchObject({ PENDING: 2 });
  });

  test('requests of one turn share one commit', async () => {
    const dataDir = temporaryFolder();
    const store = await open({ dataDir });
    const rule = await configure(store);
    const watcher = new Database(storeFile(dataDir), { readonly: true });
    const version = () => watcher.pragma('data_version', { simple: true }) as number;
    const seen = new Set<number>([version()]);
    const all = Promise.all(
      Array.from({ length: 50 }, () => store.acceptEvent(event([delivery(rule)]))),
    );
    let finished = false;
    void all.finally(() => {
      finished = true;
    });
    await vi.waitFor(() => {
      seen.add(version());
      expect(finished).toBe(true);
    });
    seen.add(version());
    watcher.close();
    expect(seen.size).toBe(2);
  });
});

describe('a store that another program has locked', () => {
  test('holds up one batch only: those behind it fail at once, reading goes on, and it recovers', async () => {
    const dataDir = temporaryFolder();
    let refused = 0;
    const store = await openStore({ dataDir, onRefused: () => refused++ });
    opened.push(store);
    const rule = await configure(store);
    const other = new Database(storeFile(dataDir));
    other.exec('BEGIN IMMEDIATE');
    const write = async (): Promise<number> => {
      const started = performance.now();
      await expect(store.acceptEvent(event([delivery(rule)]))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      return performance.now() - started;
    };
    expect(await write()).toBeGreaterThan(1_500);
    const quick = await Promise.all([write(), write()]);
    expect(Math.max(...quick, await write())).toBeLessThan(1_000);
    expect(refused).toBe(4);
    expect((await store.figures()).logsByStatus['PENDING'] ?? 0).toBe(0);

    other.exec('ROLLBACK');
    await store.acceptEvent(event([delivery(rule)]));
    // From now on it is waited for again, in case it is held for a moment.
    other.exec('BEGIN IMMEDIATE');
    expect(await write()).toBeGreaterThan(1_500);
    other.close();
  });
});

describe('a data folder', () => {
  test('is never shared by two engines', async () => {
    const dataDir = temporaryFolder();
    const store = await open({ dataDir });
    await expect(openStore({ dataDir })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await store.close();
    await (await open({ dataDir })).figures();
  });

  test('written by a newer LabRelay is refused and left as it is', async () => {
    const dataDir = temporaryFolder();
    await (await openStore({ dataDir })).close();
    const db = new Database(storeFile(dataDir));
    db.pragma('user_version = 99');
    db.close();
    await expect(openStore({ dataDir })).rejects.toMatchObject({ code: 'STORE_NEWER' });
    const after = new Database(storeFile(dataDir));
    expect(after.pragma('user_version', { simple: true })).toBe(99);
    after.close();
  });
});

/** Text that does not compress away. */
function randomText(length: number): string {
  let text = '';
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text;
}
