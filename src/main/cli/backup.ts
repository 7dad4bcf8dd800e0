import { resolve } from 'node:path';
import type { BackupMade } from '../../shared/model/backup.ts';
import { countsDocument } from '../bridge/procedures/backup.ts';
import { dataFolderOf } from '../config.ts';
import { presentKey } from '../engine/configuration/key-file.ts';
import { PASSPHRASE_LENGTH, sealKey } from '../engine/configuration/key-passphrase.ts';
import { copyStore } from '../store/backup.ts';
import { storeFile } from '../store/store.ts';
import { VERSION } from '../version.ts';
import { asUsage, parseCommand } from './arguments.ts';
import { line, type Run } from './output.ts';
import { backupPassphrase } from './passphrase.ts';

const HELP = `Usage: labrelay backup FILE [options]

Copies the store of a data folder into FILE, whether an engine runs on it or not. The copy is as of
one moment, is checked (every page and the number of rows), and is readable by its owner alone. It
holds patient data in clear: keep it as safe as the data folder.

  --with-key         puts the key that opens the stored credentials into FILE as well, sealed under
                     a passphrase: LABRELAY_BACKUP_PASSPHRASE, or asked for on the terminal. Without
                     it, keep the data folder's secret.key elsewhere, or credentials are lost with it
  --force            replaces FILE where it exists
  --data DIR         data folder (also LABRELAY_DATA)
  --json             {file, bytes, schema_version, with_key, counts}
`;

const OPTIONS = {
  data: { type: 'string' },
  'with-key': { type: 'boolean' },
  force: { type: 'boolean' },
} as const;

/** `labrelay backup FILE`. */
export const run: Run = async (argv, io) => {
  const { values, positionals } = parseCommand(argv, OPTIONS, { min: 1, max: 1, what: 'FILE' });
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const dataFolder = asUsage(() => dataFolderOf(values.data, io.environment));
  const withKey = values['with-key'] === true;
  const key = withKey ? await theKey(dataFolder, io.environment['LABRELAY_KEY']) : null;
  const sealedKey =
    key &&
    (await sealKey(key, await backupPassphrase(io, { twice: true, minimum: PASSPHRASE_LENGTH })));
  const made = await copyStore(storeFile(dataFolder), {
    target: resolve(positionals[0] ?? ''),
    overwrite: values.force === true,
    sealedKey,
    madeAt: Date.now(),
    madeBy: VERSION,
  });
  if (values.json) line(io.out, JSON.stringify(backupDocument(made, withKey)));
  else io.out(renderBackup(made, withKey));
  return 0;
};

async function theKey(dataFolder: string, environmentKey: string | undefined): Promise<Buffer> {
  const key = await presentKey({ dataFolder, environmentKey: environmentKey || undefined });
  if (key) return key;
  throw new Error(
    `There is no secret.key in ${dataFolder}, so there is no key to put into the backup; leave --with-key out.`,
  );
}

function backupDocument(made: BackupMade, withKey: boolean) {
  return {
    file: made.file,
    bytes: made.bytes,
    schema_version: made.schemaVersion,
    with_key: withKey,
    counts: countsDocument(made.counts),
  };
}

function renderBackup({ file, bytes, counts }: BackupMade, withKey: boolean): string {
  const key = withKey
    ? 'The key of the stored credentials is in it, sealed under the passphrase.'
    : 'The key of the stored credentials is NOT in it: keep secret.key elsewhere, or use --with-key.';
  return [
    `Copied and checked: ${file} (${(bytes / 2 ** 20).toFixed(1)} MiB)`,
    `  ${counts.logs} logs, ${counts.openTasks} of them open; ${counts.attempts} attempts; ${counts.events} events; ${counts.labIntegrations} integrations`,
    `  ${key}`,
    '  It holds patient data in clear: keep it as safe as the data folder.',
    '',
  ].join('\n');
}
