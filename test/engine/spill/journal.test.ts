import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SpillJournal } from '../../../src/main/engine/spill/journal.ts';
import { RECORDS_AT } from '../../../src/main/engine/spill/record-format.ts';
import { temporaryFolder } from '../../helpers/folders.ts';
import { callRecord, KnowingStore, newJournalFile, record, reopen, waitingIn } from './journals.ts';

const opened: SpillJournal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

async function open(...[store, file, options]: Parameters<typeof reopen>) {
  const journal = await reopen(store, file, options);
  opened.push(journal);
  return journal;
}

describe('a new journal', () => {
  test('has its whole size on disk before anything is kept, for its owner alone', async () => {
    const file = newJournalFile();
    await open(new KnowingStore(), file, { bytes: 2 ** 20 });
    const { size, blocks, mode } = statSync(file);
    expect(size).toBe(2 ** 20);
    // No hole: a full disk could not refuse any of it.
    expect(blocks * 512).toBeGreaterThanOrEqual(2 ** 20);
    expect(mode & 0o777).toBe(0o600);
  });

  test('that a crash has left half-made is made anew', async () => {
    const file = newJournalFile();
    writeFileSync(`${file}.draft`, 'half');
    const journal = await open(new KnowingStore(), file);
    expect(await journal.append(record(1))).toBe('KEPT');
    expect(readdirSync(dirname(file))).toEqual(['spill.journal']);
  });
});

describe('what is kept', () => {
  test('is there after the next start, in order, until the store has it', async () => {
    const [store, file] = [new KnowingStore(), newJournalFile()];
    const first = await open(store, file);
    for (const number of [1, 2, 3]) expect(await first.append(record(number))).toBe('KEPT');
    store.state.applied = 1;
    const second = await open(store, file);
    expect(await waitingIn(second)).toEqual([2, 3]);
    expect(await second.append(record(4))).toBe('KEPT');
    expect(await waitingIn(await open(store, file))).toEqual([2, 3, 4]);
  });

  test('at once shares a write, and everybody is answered', async () => {
    const journal = await open(new KnowingStore(), newJournalFile(), { bytes: 2 ** 20 });
    const numbers = Array.from({ length: 500 }, (_, at) => at + 1);
    const kept = await Promise.all(numbers.map((number) => journal.append(record(number))));
    expect(new Set(kept)).toEqual(new Set(['KEPT']));
    expect(await waitingIn(journal)).toEqual(numbers);
  });

  test('without room is refused, and a smaller one may still have room', async () => {
    const journal = await open(new KnowingStore(), newJournalFile(), { bytes: RECORDS_AT + 1_000 });
    expect(await journal.append(record(1, 600))).toBe('KEPT');
    expect(await journal.append(record(2, 600))).toBe('FULL');
    expect(journal.isFull).toBe(true);
    expect(await journal.append(record(3, 10))).toBe('KEPT');
    expect(await waitingIn(journal)).toEqual([1, 3]);
  });

  test('leaves room for outcomes, however many calls come', async () => {
    const journal = await open(new KnowingStore(), newJournalFile(), { bytes: RECORDS_AT + 4_000 });
    let calls = 0;
    while ((await journal.append(callRecord(calls, 100))) === 'KEPT') calls++;
    expect(calls).toBeGreaterThan(5);
    expect(journal.isFull).toBe(false);
    expect(await journal.append(record(100, 700))).toBe('KEPT');
    expect(await journal.append(callRecord(101, 100))).toBe('FULL');
  });

  test('fails where the file cannot be written, and nobody is told otherwise', async () => {
    const journal = await open(new KnowingStore(), newJournalFile());
    await journal.close();
    expect(await journal.append(record(1))).toBe('FAILED');
    expect(journal.waiting).toBe(0);
    expect(journal.fault).not.toBeNull();
  });
});

describe('once the store has everything', () => {
  test('the journal begins anew, as often as it likes', async () => {
    const [store, file] = [new KnowingStore(), newJournalFile()];
    const journal = await open(store, file, { bytes: RECORDS_AT + 1_000 });
    for (let number = 1; number <= 20; number++) {
      expect(await journal.append(record(number, 600))).toBe('KEPT');
      journal.applied(number);
      await vi.waitFor(() => expect(journal.used).toBe(RECORDS_AT));
      expect([journal.waiting, journal.isFull]).toEqual([0, false]);
    }
    store.state.applied = 20;
    expect(await waitingIn(await open(store, file))).toEqual([]);
  });

  test('what lies behind the new records is not taken for one of them', async () => {
    const [store, file] = [new KnowingStore(), newJournalFile()];
    const journal = await open(store, file);
    // All of one length, so that old ones begin exactly where the new one ends.
    for (const number of [1, 2, 3, 4]) await journal.append(record(number));
    journal.applied(4);
    store.state.applied = 4;
    await vi.waitFor(() => expect(journal.used).toBe(RECORDS_AT));
    await journal.append(record(5));
    expect(await waitingIn(await open(store, file))).toEqual([5]);
  });

  test('a crash before the next record leaves nothing to be applied again', async () => {
    const [store, file] = [new KnowingStore(), newJournalFile()];
    const journal = await open(store, file);
    for (const number of [1, 2]) await journal.append(record(number));
    store.state.applied = 2;
    const next = await open(store, file);
    expect(next.waiting).toBe(0);
    await next.append(record(3));
    expect(await waitingIn(await open(store, file))).toEqual([3]);
  });
});

describe('a journal that is not this store’s', () => {
  test('is moved aside with what waits in it, never applied', async () => {
    const file = newJournalFile();
    await (await open(new KnowingStore(), file)).append(record(1));
    let told = 0;
    const journal = await open(new KnowingStore(), file, { onMovedAside: () => void told++ });
    expect([journal.waiting, told]).toEqual([0, 1]);
    const [aside = ''] = readdirSync(dirname(file)).filter((name) => name.includes('.aside-'));
    expect(readFileSync(join(dirname(file), aside), 'latin1')).toContain('log-1');
  });

  test('nor is one that goes on further than this store has come', async () => {
    const [store, file] = [new KnowingStore(), newJournalFile()];
    const journal = await open(store, file);
    for (const number of [1, 2, 3]) await journal.append(record(number));
    journal.applied(3);
    await vi.waitFor(() => expect(journal.used).toBe(RECORDS_AT));
    await journal.append(record(4));
    // An older copy of the store was put in place by hand.
    store.state.applied = 1;
    expect((await open(store, file)).waiting).toBe(0);
  });

  test('and what is no journal at all is kept as well', async () => {
    const file = newJournalFile();
    writeFileSync(file, 'notes');
    expect(await (await open(new KnowingStore(), file)).append(record(1))).toBe('KEPT');
    expect(readdirSync(dirname(file)).filter((name) => name.includes('.aside-'))).toHaveLength(1);
  });
});

describe('a journal that moves to another folder', () => {
  const inFolder = (folder: string) => ({ folder });

  test('takes with it what waits, and the old file goes', async () => {
    const [store, file, folder] = [new KnowingStore(), newJournalFile(), temporaryFolder()];
    const former = await open(store, file);
    for (const number of [1, 2, 3]) await former.append(record(number));
    store.state.applied = 1;
    const journal = await open(store, file, inFolder(folder));
    expect(await waitingIn(journal)).toEqual([2, 3]);
    expect(existsSync(file)).toBe(false);
    expect(store.state.journal).toEqual({ id: journal.id, folder });
    // Back again, by leaving the option out.
    expect(await waitingIn(await open(store, file))).toEqual([2, 3]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('takes all of it with it, however much that is', async () => {
    const [store, file, folder] = [new KnowingStore(), newJournalFile(), temporaryFolder()];
    const bytes = 8 * 2 ** 20;
    const former = await open(store, file, { bytes });
    // More than is read, or written, at a time.
    for (const number of [1, 2, 3, 4, 5, 6]) await former.append(record(number, 2 ** 20));
    const journal = await open(store, file, { ...inFolder(folder), bytes });
    expect(journal.waiting).toBe(6);
  });

  test('does so once more where a crash came before the store knew of it', async () => {
    const [store, file, folder] = [new KnowingStore(), newJournalFile(), temporaryFolder()];
    await (await open(store, file)).append(record(1));
    const known = structuredClone(store.state);
    const kept = readFileSync(file);
    await open(store, file, inFolder(folder));
    store.state = known;
    writeFileSync(file, kept);
    expect(await waitingIn(await open(store, file, inFolder(folder)))).toEqual([1]);
  });

  test('is left where another engine holds it: the data folder is a copy of that one’s', async () => {
    const [store, file, folder] = [new KnowingStore(), newJournalFile(), temporaryFolder()];
    await (await open(store, file, inFolder(folder))).append(record(1));
    const copy = new KnowingStore();
    copy.state = structuredClone(store.state);
    expect((await open(copy, file, { lockFormer: () => null })).waiting).toBe(0);
    expect(await waitingIn(await open(store, file, inFolder(folder)))).toEqual([1]);
  });

  test('and is not where it was, since its volume is not there, is told of', async () => {
    const [store, file, volume] = [new KnowingStore(), newJournalFile(), temporaryFolder()];
    let told = 0;
    const options = { onMissing: () => void told++ };
    await open(store, file, { folder: volume, ...options });
    await open(store, file, { folder: volume, ...options });
    await open(store, file, options);
    expect(told).toBe(0);
    await open(store, file, { folder: volume, ...options });
    rmSync(join(volume, basename(file)));
    expect((await open(store, file, { folder: volume, ...options })).waiting).toBe(0);
    expect(told).toBe(1);
    rmSync(join(volume, basename(file)));
    await open(store, file, options);
    expect(told).toBe(2);
  });

  test('goes with its data folder, wherever that is copied or moved to', async () => {
    const [store, file, copied] = [new KnowingStore(), newJournalFile(), newJournalFile()];
    await (await open(store, file)).append(record(1));
    copyFileSync(file, copied);
    const copy = new KnowingStore();
    copy.state = structuredClone(store.state);
    expect(await waitingIn(await open(copy, copied))).toEqual([1]);
    expect(await waitingIn(await open(store, file))).toEqual([1]);
  });

  test('that is not there leaves the store without one', async () => {
    const folder = '/nowhere/at/all';
    await expect(
      open(new KnowingStore(), newJournalFile(), inFolder(folder)),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
