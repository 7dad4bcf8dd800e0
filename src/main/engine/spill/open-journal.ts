import { rm } from 'node:fs/promises';
import type { SpillState } from '../../../shared/model/spill.ts';
import { type FoundJournal, findJournal, makeJournal, moveAside } from './journal-file.ts';
import { SpillJournal } from './journal.ts';
import type { SpillPort } from './port.ts';

/** What a journal is opened with. */
export interface JournalOptions {
  store: Pick<SpillPort, 'spillState' | 'adoptJournal'>;
  file: string;
  /** Size of a file that is made now. */
  bytes: number;
  /** Epoch milliseconds. */
  clock: () => number;
  /** Records that are not this store's were found and moved to another file. */
  onMovedAside: () => void;
}

/**
 * Opens the store's journal, making it where there is none, and tells the store which it is. Where the
 * store knows it by another name (`--spill-dir` was given, changed or left out), what waits there is
 * taken over. Records of another store are moved aside, never applied: a restored store knows no
 * journal, and one that was put in place by hand has not applied what comes before.
 *
 * @throws where the file can be neither opened nor made, or the store does not answer
 */
export async function openJournal(options: JournalOptions): Promise<SpillJournal> {
  const { store, file } = options;
  const state = await store.spillState();
  const former = await findFormer(file, state);
  let journal: SpillJournal | null = null;
  try {
    const wanted = former ? null : (state.journal?.id ?? null);
    const found = (await usable(options, wanted, state.applied)) ?? (await make(options));
    journal = new SpillJournal({
      ...found,
      file,
      waiting: waitingIn(found, state.applied),
      applied: state.applied,
    });
    if (former) await takeOver(former, journal, state.applied);
    if (state.journal?.id !== journal.id || state.journal.file !== file) {
      // Until this is committed the store goes by the former one, which is still whole.
      await store.adoptJournal({ id: journal.id, file });
    }
  } catch (error) {
    await journal?.close();
    throw error;
  } finally {
    await former?.handle.close();
  }
  if (former && state.journal) await rm(state.journal.file, { force: true });
  return journal;
}

/** The store's journal under another name. */
async function findFormer(file: string, { journal }: SpillState): Promise<FoundJournal | null> {
  if (!journal || journal.file === file) return null;
  // Its folder may not be there any more; there is nothing to be had from it then.
  const found = await findJournal(journal.file).catch(() => null);
  if (found && found.id === journal.id) return found;
  await found?.handle.close();
  return null;
}

/** The file that is there, if the store can go on with it. */
async function usable(
  { file, clock, onMovedAside }: JournalOptions,
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

function make({ file, bytes }: JournalOptions): Promise<FoundJournal> {
  return makeJournal(file, bytes);
}

/** In the same order; the sequences come out the same, as nothing else waits in the new one. */
async function takeOver(
  former: FoundJournal,
  journal: SpillJournal,
  applied: number,
): Promise<void> {
  const waiting = waitingIn(former, applied);
  const reader = new SpillJournal({ ...former, file: '', waiting, applied });
  for (const { record } of await reader.read(waiting.length)) {
    if (record && (await journal.append(record)) !== 'KEPT') {
      throw new Error('the records of the former spill journal have no room in the new one');
    }
  }
}

function waitingIn({ entries }: FoundJournal, applied: number) {
  return entries.filter(({ sequence }) => sequence > applied);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
