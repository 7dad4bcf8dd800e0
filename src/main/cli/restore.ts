import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { toIso } from '../../shared/contract/common.ts';
import type { NewAuditEntry } from '../../shared/model/audit.ts';
import type { BackupFacts } from '../../shared/model/restore.ts';
import { makeDataFolder } from '../data-folder.ts';
import { dataFolderOf } from '../config.ts';
import { presentKey } from '../engine/configuration/key-file.ts';
import { openSealedKey } from '../engine/configuration/key-passphrase.ts';
import { replaceKey } from '../engine/configuration/key-replacement.ts';
import { unreadableSecrets } from '../engine/configuration/unreadable-secrets.ts';
import { KeyVault } from '../engine/configuration/vault.ts';
import { auditSealKey } from '../engine/people/audit-trail.ts';
import { spillFile } from '../spill.ts';
import { removeStoreFile } from '../store/durable-files.ts';
import { readConfiguration } from '../store/examine.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { examineBackup, heldGroupsOf, holdEverything, noteRestore } from '../store/restore.ts';
import { compareWithPresent } from '../store/restore-compare.ts';
import { putInPlace, takeBackup } from '../store/restore-files.ts';
import { storeFile } from '../store/store.ts';
import { asUsage, parseCommand } from './arguments.ts';
import { type CommandIo, line, type Run } from './output.ts';
import { backupPassphrase, confirmation } from './passphrase.ts';
import { renderFacts, renderRestored, type Restored, restoredDocument } from './restore-text.ts';

const HELP = `Usage: labrelay restore FILE [options]

Puts a backup back into a data folder; the engine on it must be stopped. FILE is checked first. The
present store is kept aside, never deleted. Nothing is sent by itself afterwards: every delivery that
was open in the backup is held, and deliveries are paused. Look at what is held (previewHeld), release
or drop it (releaseHeld), then let deliveries go on ("labrelay resume").

  --yes              does not ask
  --without-key      leaves a key that is in FILE where it is; without this, its passphrase is taken
                     from LABRELAY_BACKUP_PASSPHRASE or asked for on the terminal
  --data DIR         data folder (also LABRELAY_DATA)
  --json             what was restored and what is held; needs --yes
`;

const OPTIONS = {
  data: { type: 'string' },
  yes: { type: 'boolean' },
  'without-key': { type: 'boolean' },
} as const;

/** `labrelay restore FILE`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, { min: 1, max: 1, what: 'FILE' });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const dataFolder = asUsage(() => dataFolderOf(values.data, io.environment));
  makeDataFolder(dataFolder);
  const lock = lockFolder(dataFolder);
  try {
    const file = resolve(positionals[0] ?? '');
    const draft = takeBackup(file, dataFolder);
    try {
      const facts = examineBackup(draft);
      const key = values['without-key'] === true ? null : await keyOf(facts, io);
      if (values.yes !== true) await confirm(facts, file, dataFolder, io);
      const restored = await replaceStore({ file, draft, dataFolder, facts, key }, io);
      if (values.json) line(io.out, JSON.stringify(restoredDocument(restored)));
      else io.out(renderRestored(restored));
      return 0;
    } finally {
      removeStoreFile(draft);
    }
  } finally {
    lock.release();
  }
};

/** @throws Error where the passphrase is another one */
async function keyOf(facts: BackupFacts, io: CommandIo): Promise<Buffer | null> {
  if (facts.sealedKey === null) return null;
  const key = await openSealedKey(
    facts.sealedKey,
    await backupPassphrase(io, { twice: false, minimum: 1 }),
  );
  if (key) return key;
  throw new Error(
    'The passphrase does not open the key in this backup. Nothing was changed. Without the passphrase, --without-key restores everything but the stored credentials.',
  );
}

async function confirm(
  facts: BackupFacts,
  file: string,
  dataFolder: string,
  io: CommandIo,
): Promise<void> {
  io.err(renderFacts(facts, file, dataFolder, Date.now()));
  const answer = await confirmation(
    io,
    'Type yes to restore: ',
    'give --yes to restore without asking',
  );
  if (answer.trim() !== 'yes') throw new Error('Stopped; nothing was changed.');
}

async function replaceStore(
  wish: { file: string; draft: string; dataFolder: string; facts: BackupFacts; key: Buffer | null },
  io: CommandIo,
): Promise<Restored> {
  const { file, draft, dataFolder, facts, key } = wish;
  const now = Date.now();
  const pause = { since: now, by: 'restore', reason: 'restored from a backup' };
  const held = holdEverything(draft, pause);
  const since = compareWithPresent(draft, storeFile(dataFolder), now);
  const groups = heldGroupsOf(draft);
  const lasting = io.environment['LABRELAY_KEY'] ? null : key;
  const engineKey = lasting ?? (await keyHere(dataFolder, io));
  if (engineKey) {
    const count = groups.reduce((sum, group) => sum + group.count, 0);
    noteRestore(draft, auditEntry(facts, count, now), auditSealKey(engineKey));
  }
  const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, '-');
  const keepAside = join(dataFolder, `replaced-${stamp}`);
  const isKept = putInPlace(draft, dataFolder, keepAside);
  keepJournal(dataFolder, keepAside);
  let keyRestored = false;
  if (key) {
    mkdirSync(keepAside, { recursive: true, mode: 0o700 });
    keyRestored = await replaceKey(dataFolder, key, keepAside);
  }
  return {
    file,
    dataFolder,
    facts,
    now,
    held,
    groups,
    since,
    keptAside: isKept ? keepAside : null,
    keyRestored,
    isAudited: engineKey !== null,
    environmentKey: Boolean(io.environment['LABRELAY_KEY']),
    unreadable: await lostSecrets(dataFolder, io),
  };
}

/**
 * The spill journal belongs to the store that was there. Not before that one is kept: beside it, what
 * waits is still applied should the restore be cut short. The restored store knows no journal, so that
 * one that is left (or lies in --spill-dir) is moved aside by the next start.
 */
function keepJournal(dataFolder: string, keepAside: string): void {
  const file = spillFile(dataFolder, null, '');
  if (!existsSync(file)) return;
  mkdirSync(keepAside, { recursive: true, mode: 0o700 });
  renameSync(file, join(keepAside, basename(file)));
}

/** The key that an engine would find now; null where there is none that can be used. */
function keyHere(dataFolder: string, io: CommandIo): Promise<Buffer | null> {
  const environmentKey = io.environment['LABRELAY_KEY'] || undefined;
  return presentKey({ dataFolder, environmentKey }).catch(() => null);
}

function auditEntry({ madeAt }: BackupFacts, held: number, now: number): NewAuditEntry {
  return {
    at: now,
    actor: `command line (${userName()})`,
    action: 'restore',
    subject: madeAt === null ? '' : `backup of ${toIso(madeAt)}`,
    reason: null,
    address: null,
    detail: { count: held },
  };
}

/** Accounts without a name exist, e.g. a bare uid in a container. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'no name';
  }
}

/** What must be entered again, since no key that is here opens it. */
async function lostSecrets(dataFolder: string, io: CommandIo): Promise<Restored['unreadable']> {
  const key = await keyHere(dataFolder, io);
  // A key that nobody has: it opens nothing.
  const vault = new KeyVault(key ?? Buffer.alloc(32));
  const { developerAuthentications } = readConfiguration(storeFile(dataFolder));
  return unreadableSecrets(vault, developerAuthentications);
}
