import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { ConfigurationSnapshot } from '../../shared/model/configuration.ts';
import type { SpillState } from '../../shared/model/spill.ts';
import { createConfigurationStatements } from './configuration.ts';
import { openReader, openWriter } from './connection.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { createSpillState } from './spill.ts';

/** What a look at a store's file finds; nothing in it is changed. */
export interface StoreExamination {
  schemaVersion: number;
  /** The newest schema that this LabRelay knows. */
  knownSchema: number;
  /** The first thing that is wrong with its pages; null: nothing. */
  fault: string | null;
  bytes: number;
  /** Of commits that are not folded into the file yet. */
  walBytes: number;
  /** The newest time that it holds (epoch ms); null where it holds none. */
  newestAt: number | null;
}

/** @throws what SQLite throws where the file cannot be opened */
export function examineStore(file: string): StoreExamination {
  const db = openReader(file);
  try {
    const [first] = db.pragma('quick_check(1)') as { quick_check: string }[];
    const fault = first?.quick_check === 'ok' ? null : (first?.quick_check ?? 'no answer');
    return {
      schemaVersion: db.pragma('user_version', { simple: true }) as number,
      knownSchema: MIGRATIONS.at(-1)?.version ?? 0,
      fault,
      bytes: statSync(file).size,
      walBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      newestAt: fault === null ? newestOf(db) : null,
    };
  } finally {
    db.close();
  }
}

/** Only the last rows are looked at: they were written last. */
function newestOf(db: Database): number | null {
  return (
    db
      .prepare<[], number | null>(
        `SELECT max(at) FROM (
           SELECT max(created_at) AS at FROM log
           UNION ALL
           SELECT max(coalesce(ended_at, started_at)) FROM (
             SELECT started_at, ended_at FROM attempt ORDER BY attempt_seq DESC LIMIT 100)
           UNION ALL
           SELECT max(received_at) FROM (
             SELECT received_at FROM event ORDER BY event_seq DESC LIMIT 100))`,
      )
      .pluck()
      .get() ?? null
  );
}

/**
 * Whether the store opens for writing with every commit on disk before it is answered
 * (`synchronous=FULL`, WAL). Only where no engine runs: a running one has read it back itself.
 * @throws Error that says what is wrong
 */
export function checkDurability(file: string): void {
  openWriter(file).close();
}

/**
 * The configuration of a store, in use or not; nothing is written.
 * @throws what SQLite throws where the store is of an older schema or cannot be read
 */
export function readConfiguration(file: string): ConfigurationSnapshot {
  const db = openReader(file);
  try {
    return createConfigurationStatements(db).loadConfiguration();
  } finally {
    db.close();
  }
}

/**
 * What a store knows of its spill journal; nothing is written.
 * @throws what SQLite throws where the store cannot be read
 */
export function readSpillState(file: string): SpillState & { engineId: string } {
  const db = openReader(file);
  try {
    const engineId = db.prepare<[], string>(`SELECT value FROM meta WHERE name = 'engine_id'`);
    return { ...createSpillState(db)(), engineId: engineId.pluck().get() ?? '' };
  } finally {
    db.close();
  }
}
