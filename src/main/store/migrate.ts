import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { LabRelayError } from '../../shared/errors.ts';
import type { Migration } from './migrations/migration.ts';

/** What migrating did. */
export interface Migrated {
  from: number;
  to: number;
  /** The copy made beforehand; null for a new store or one that was up to date. */
  backup: string | null;
}

/**
 * Brings a store up to the newest schema, each step in its own transaction together with the note
 * that it was taken, so that a crash between two steps resumes at the right one. A store that
 * already holds data is copied first.
 *
 * @param backupFolder where that copy goes; null makes none, where there is one already
 * @throws LabRelayError `STORE_NEWER` for a store that a newer LabRelay has written: running on it
 * with old statements could damage what that version relies on.
 */
export function migrate(
  db: Database,
  migrations: readonly Migration[],
  backupFolder: string | null,
  now: Date,
): Migrated {
  const from = db.pragma('user_version', { simple: true }) as number;
  const to = migrations.at(-1)?.version ?? 0;
  if (from > to) {
    throw new LabRelayError(
      'STORE_NEWER',
      `The data folder has schema ${from}; this LabRelay knows schemas up to ${to}. ` +
        'Start the newer LabRelay that wrote it, or restore a backup made before the upgrade.',
    );
  }
  if (from === to) return { from, to, backup: null };

  let backup: string | null = null;
  if (from > 0 && backupFolder !== null) {
    mkdirSync(backupFolder, { recursive: true, mode: 0o700 });
    const stamp = now.toISOString().replaceAll(/[:.]/g, '-');
    backup = join(backupFolder, `before-schema-${to}-${stamp}.db`);
    db.prepare('VACUUM INTO ?').run(backup);
  }
  for (const step of migrations) {
    if (step.version <= from) continue;
    db.transaction(() => {
      db.exec(step.sql);
      db.pragma(`user_version = ${step.version}`);
    })();
  }
  return { from, to, backup };
}
