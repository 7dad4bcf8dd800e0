import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { fieldError, LabRelayError } from '../../shared/errors.ts';
import type { BackupMade, BackupRequest, StoreCounts } from '../../shared/model/backup.ts';
import { openReader } from './connection.ts';
import { publish, removeStoreFile, syncFile } from './durable-files.ts';

/** Pages (of 4 KiB) copied between two looks at whether anybody else wants the thread. */
const PAGES_A_STEP = 2_048;

/** Rows of a copy's `meta` table that tell of the copy itself; a restore takes them out again. */
export const BACKUP_MADE_AT = 'backup_made_at';
export const BACKUP_MADE_BY = 'backup_made_by';
export const BACKUP_KEY = 'backup_key';

/**
 * Copies a store, in use or not, as it is at one moment. Writers are not held up: the copy reads
 * from one snapshot, which also keeps SQLite from starting over whenever somebody commits. The copy
 * is one plain file for its owner alone, checked before it gets its name.
 *
 * @param file the store
 * @throws LabRelayError `INVALID_INPUT` where the target is taken, `BACKUP_FAILED` telling the cure
 */
export async function copyStore(file: string, request: BackupRequest): Promise<BackupMade> {
  const { target } = request;
  if (!existsSync(file)) throw failed(`there is no store at ${file}`);
  if (existsSync(target)) {
    if (!request.overwrite) throw taken(target);
    if (realpathSync(target) === realpathSync(file))
      throw failed('the store cannot replace itself');
  }
  const draft = `${target}.${process.pid}-${request.madeAt}.part`;
  let isMade = false;
  try {
    // Made first, since SQLite would give it the rights that everybody's files have.
    closeSync(openSync(draft, 'wx', 0o600));
    isMade = true;
    const source = openReader(file);
    let counts: StoreCounts;
    try {
      source.exec('BEGIN');
      counts = countsOf(source);
      await source.backup(draft, { progress: () => PAGES_A_STEP });
    } finally {
      source.close();
    }
    const schemaVersion = finish(draft, request, counts);
    syncFile(draft);
    publish(draft, target, request.overwrite);
    return { file: target, bytes: statSync(target).size, schemaVersion, counts };
  } catch (error) {
    throw faultOf(error, target);
  } finally {
    if (isMade) removeStoreFile(draft);
  }
}

/** Makes the copy one file, notes in it when it was made, and checks it. @returns its schema */
function finish(draft: string, request: BackupRequest, counts: StoreCounts): number {
  const copy = new Database(draft);
  try {
    copy.pragma('journal_mode = DELETE');
    copy.pragma('synchronous = FULL');
    const note = copy.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)');
    copy.transaction(() => {
      note.run(BACKUP_MADE_AT, String(request.madeAt));
      note.run(BACKUP_MADE_BY, request.madeBy);
      if (request.sealedKey) note.run(BACKUP_KEY, JSON.stringify(request.sealedKey));
    })();
    const fault = integrityFault(copy);
    if (fault !== null) {
      throw failed(`the copy is damaged (${fault}); run "labrelay doctor" on the data folder`);
    }
    if (JSON.stringify(countsOf(copy)) !== JSON.stringify(counts)) {
      throw failed('the copy does not hold as many rows as the store; try again');
    }
    return copy.pragma('user_version', { simple: true }) as number;
  } finally {
    copy.close();
  }
}

/** The first thing that SQLite finds wrong with a whole file; null: nothing. */
export function integrityFault(db: Database.Database): string | null {
  const [first] = db.pragma('integrity_check(1)') as { integrity_check: string }[];
  return first?.integrity_check === 'ok' ? null : (first?.integrity_check ?? 'no answer');
}

/** Counts of a store of any schema. */
export function countsOf(db: Database.Database): StoreCounts {
  const count = (table: string): number =>
    db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  return {
    logs: count('log'),
    openTasks: count('task'),
    attempts: count('attempt'),
    events: count('event'),
    domainObjects: count('domain_object'),
    labIntegrations: count('lab_integration'),
  };
}

function taken(target: string): LabRelayError {
  return fieldError(
    'INVALID_INPUT',
    'FILE',
    `${target} exists already; give another name, or --force to replace it`,
  );
}

function failed(reason: string, cause?: unknown): LabRelayError {
  const error = new LabRelayError('BACKUP_FAILED', `The backup was not made: ${reason}.`);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Faults of the system and of SQLite in words that say what to mend. */
function faultOf(error: unknown, target: string): LabRelayError {
  if (error instanceof LabRelayError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'EEXIST') return taken(target);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return failed(`the disk of ${target} is full; make room there or name another folder`, error);
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return failed(`the store is damaged (${code}); run "labrelay doctor" on its folder`, error);
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return failed(`the folder of ${target} does not exist; make it or name another`, error);
  }
  return failed(`${target} cannot be written (${code}); check the folder's rights`, error);
}
