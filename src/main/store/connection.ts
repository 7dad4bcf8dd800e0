import Database from 'better-sqlite3';

/** How long a reader waits for another connection's lock before it gives up (ms). */
const BUSY_TIMEOUT_MS = 5_000;
/**
 * The same for the writer (ms), which keeps everybody waiting meanwhile. None of our own connections
 * holds its lock for long: who does is another program, and may do so for hours.
 */
export const WRITER_BUSY_TIMEOUT_MS = 2_000;

/**
 * Opens the store for writing. WAL would open at `synchronous=NORMAL`, which loses the last commits
 * in a power cut; what LabRelay has acknowledged is on disk, so it is FULL, and read back to be sure.
 */
export function openWriter(file: string): Database.Database {
  const db = new Database(file, { timeout: WRITER_BUSY_TIMEOUT_MS });
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('temp_store = MEMORY');
  // The system keeps the file's pages in its own cache as well; this only spares the calls.
  db.pragma('cache_size = -16384');
  // 64 MiB: a page that many commits change is written back once, not once a commit.
  db.pragma('wal_autocheckpoint = 16000');
  db.pragma('journal_size_limit = 67108864');
  const synchronous = db.pragma('synchronous', { simple: true });
  const journal = db.pragma('journal_mode', { simple: true });
  if (synchronous !== 2 || journal !== 'wal') {
    db.close();
    throw new Error(
      `the store did not open as it must (journal_mode ${String(journal)}, synchronous ${String(synchronous)}); ` +
        'is the data folder on a local disk?',
    );
  }
  return db;
}

/** Opens the store for queries only; a statement that would write is refused by SQLite itself. */
export function openReader(file: string): Database.Database {
  const db = new Database(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma('query_only = ON');
  db.pragma('temp_store = MEMORY');
  db.pragma('cache_size = -8192');
  return db;
}
