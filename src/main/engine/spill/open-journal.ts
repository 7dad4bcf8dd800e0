import { rm } from 'node:fs/promises';
import type { SpillState } from '../../../shared/model/spill.ts';
import { type FoundJournal, findJournal, makeJournal, moveAside } from './journal-file.ts';
import { SpillJournal } from './journal.ts';
import type { SpillPort } from './port.ts';

/** What a journal is opened with. */
export interface JournalOptions {
  store: Pick<SpillPort, 'spillState' | 'adoptJournal'>;
  /** Where it is to lie; null: in the data folder. */
  folder: string | null;
  /** The file in such a folder. */
  fileIn: (folder: string | null) => string;
  /** Holds a folder that it was moved from. @returns null where another engine holds it */
  lockFormer: (folder: string | null) => { release(): void } | null;
  /** Size of a file that is made now. */
  bytes: number;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Records that are not this store's were found and moved to another file. */
  onMovedAside: () => void;
  /** The journal that the store knows was found nowhere; what may wait in it is not applied. */
  onMissing: () => void;
}

/**
 * Opens the store's journal, making it where there is none, and tells the store which it is. Where the
 * store knows it in another folder (`--spill-dir` was given, changed or left out), what waits there is
 * taken over. Records of another store are moved aside, never applied: a restored store knows no
 * journal, and one that was put in place by hand has not applied what comes before.
 *
 * @throws where the file can be neither opened nor made, or the store does not answer
 */
export async function openJournal(options: JournalOptions): Promise<SpillJournal> {
  const { store, folder, fileIn } = options;
  const state = await store.spillState();
  const { journal: known } = state;
  const lock = known && known.folder !== folder ? options.lockFormer(known.folder) : null;
  try {
    const former = known && lock ? await findFormer(fileIn(known.folder), known.id) : null;
    const journal = await openOver(options, state, former);
    // By now the store goes by the new one.
    if (known && former) await rm(fileIn(known.folder), { force: true });
    return journal;
  } finally {
    lock?.release();
  }
}

/** Opens the journal where it is to lie, with what waits in a former one. */
async function openOver(
  options: JournalOptions,
  { journal: known, applied }: SpillState,
  former: FoundJournal | null,
): Promise<SpillJournal> {
  const { store, folder, fileIn, bytes } = options;
  const file = fileIn(folder);
  let journal: SpillJournal | null = null;
  try {
    const wanted = former ? null : (known?.id ?? null);
    const found =
      (await usable(options, file, wanted, applied)) ?? (await makeJournal(file, bytes));
    journal = new SpillJournal({ ...found, waiting: waitingIn(found, applied), applied });
    if (former) await takeOver(former, journal, applied);
    if (known?.id !== journal.id || known.folder !== folder) {
      if (known && !former && known.id !== journal.id) options.onMissing();
      // Until this is committed the store goes by the former one, which is still whole.
      await store.adoptJournal({ id: journal.id, folder });
    }
    return journal;
  } catch (error) {
    await journal?.close();
    throw error;
  } finally {
    await former?.handle.close();
  }
}

/** The store's journal where it was before; its folder may not be there any more. */
async function findFormer(file: string, id: string): Promise<FoundJournal | null> {
  const found = await findJournal(file).catch(() => null);
  if (found?.id === id) return found;
  await found?.handle.close();
  return null;
}

/** The file that is there, if the store can go on with it. */
async function usable(
  { clock, onMovedAside }: JournalOptions,
  file: string,
  wanted: string | null,
  applied: number,
): Promise<FoundJournal | null> {
  const found = await findJournal(file);
  if (found) {
    const [first] = waitingIn(found, applied);
    const isOurs = found.id === wanted && (!first || first.sequence === applied + 1);
    if (isOurs || found.entries.length === 0) return found;
    await found.handle.close();
  }
  await moveAside(file, clock()).then(onMovedAside, (error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  return null;
}

/**
 * In the same order; the sequences come out the same, as nothing else waits in the new one. Piece by
 * piece, since no more than a piece is read at a time.
 */
async function takeOver(
  former: FoundJournal,
  journal: SpillJournal,
  applied: number,
): Promise<void> {
  const waiting = waitingIn(former, applied);
  const reader = new SpillJournal({ ...former, waiting, applied });
  while (reader.waiting > 0) {
    const piece = await reader.read(reader.waiting);
    const records = piece.flatMap(({ record }) => record ?? []);
    const kept = await Promise.all(records.map((record) => journal.append(record)));
    if (kept.some((one) => one !== 'KEPT')) {
      throw new Error('the records of the former spill journal have no room in the new one');
    }
    reader.applied(piece.at(-1)?.sequence ?? Number.POSITIVE_INFINITY);
  }
}

function waitingIn({ entries }: FoundJournal, applied: number) {
  return entries.filter(({ sequence }) => sequence > applied);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
