import { existsSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findJournal, type FoundJournal } from '../../engine/spill/journal-file.ts';
import { journalBytes, rejectedFile, spillFile } from '../../spill.ts';
import { readSpillState } from '../../store/examine.ts';
import { storeFile } from '../../store/store.ts';
import { codeOf, type Finding, ok, problem, warning } from './finding.ts';

const NAME = 'spill journal';

/** Whether the journal is there to take what the store would refuse; the store knows where it lies. */
export async function checkSpill(dataFolder: string, isRunning: boolean): Promise<Finding[]> {
  return [...(await checkJournal(dataFolder, isRunning)), ...checkRejected(dataFolder)];
}

async function checkJournal(dataFolder: string, isRunning: boolean): Promise<Finding[]> {
  const state = knownState(dataFolder);
  // The store's own findings say why, or there is none yet.
  if (!state) return [];
  const make = isRunning ? 'restart LabRelay, which makes it' : 'the next start makes it';
  if (!state.journal) return [warning(NAME, 'there is none yet', make)];
  const { folder, id } = state.journal;
  const file = spillFile(dataFolder, folder, state.engineId);
  try {
    const found = await findJournal(file, 'r');
    if (!found) return [problem(NAME, `${file} is missing or is no journal`, make)];
    await found.handle.close();
    if (found.id !== id) {
      return [
        problem(NAME, `${file} belongs to another store`, `${make} and keeps this one aside`),
      ];
    }
    return [content(file, found, state.applied, isRunning), folderOf(file, dataFolder)].flat();
  } catch (error) {
    const cure = 'mend its rights, or mount the folder of --spill-dir, and restart LabRelay';
    return [problem(NAME, `${file} cannot be read (${codeOf(error)})`, cure)];
  }
}

function content(
  file: string,
  { capacity, entries }: FoundJournal,
  applied: number,
  isRunning: boolean,
): Finding {
  const size = `${Math.round(capacity / 2 ** 20)} MiB`;
  const waiting = entries.filter(({ sequence }) => sequence > applied).length;
  if (capacity < journalBytes()) {
    return warning(
      NAME,
      `${file} has ${size}, and should have ${Math.round(journalBytes() / 2 ** 20)}`,
      'stop LabRelay while nothing waits in it, remove the file, and start',
    );
  }
  if (waiting === 0) return ok(NAME, `${file}, ${size}, nothing waits`);
  return warning(
    NAME,
    `${waiting} records wait in ${file} for the store`,
    isRunning
      ? 'see why the store cannot be written (disk, other programs on it); they are taken by themselves then'
      : 'start LabRelay with a store that can be written: it takes them first',
  );
}

/** The data folder has been looked at already. */
function folderOf(file: string, dataFolder: string): Finding[] {
  const folder = dirname(file);
  if (folder === dataFolder) return [];
  try {
    rmdirSync(mkdtempSync(join(folder, '.doctor-')));
  } catch (error) {
    const detail = `nothing can be made in ${folder} (${codeOf(error)})`;
    return [problem('spill folder', detail, 'give its rights to the user that LabRelay runs as')];
  }
  if (statSync(folder).dev === statSync(dataFolder).dev) {
    const detail = `${folder} lies on the same volume as the data folder`;
    return [warning('spill folder', detail, 'name a folder of another volume with --spill-dir')];
  }
  return [ok('spill folder', `${folder}, on another volume than the data folder`)];
}

function checkRejected(dataFolder: string): Finding[] {
  const file = rejectedFile(dataFolder);
  if (!existsSync(file)) return [];
  return [
    warning(
      'spill-rejected.jsonl',
      `${file} holds records that the store refused for good`,
      'look at the failed-task queue and at the logs that it names, then move the file away (it holds bodies)',
    ),
  ];
}

function knownState(dataFolder: string) {
  try {
    return readSpillState(storeFile(dataFolder));
  } catch {
    return null;
  }
}
