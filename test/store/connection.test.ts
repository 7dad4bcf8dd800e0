import Database from 'better-sqlite3';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openReader, openWriter } from '../../src/main/store/connection.ts';
import { temporaryFolder } from '../helpers/folders.ts';

/** SQLite's number for `synchronous = FULL` (PRAGMA synchronous). */
const FULL = 2;

describe('the connection that writes', () => {
  test('keeps a commit through a power cut: WAL, and synchronous FULL', () => {
    const file = join(temporaryFolder(), 'labrelay.db');
    const db = openWriter(file);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(FULL);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    db.close();
  });

  test('is FULL also on a file that another connection made and left at NORMAL', () => {
    const file = join(temporaryFolder(), 'labrelay.db');
    const other = new Database(file);
    other.pragma('journal_mode = WAL');
    other.pragma('synchronous = NORMAL');
    const db = openWriter(file);
    expect(db.pragma('synchronous', { simple: true })).toBe(FULL);
    db.close();
    other.close();
  });

  test('refuses a place where there can be no WAL', () => {
    expect(() => openWriter(':memory:')).toThrow(/journal_mode memory.*local disk/);
  });
});

describe('a connection that reads', () => {
  test('cannot write', () => {
    const file = join(temporaryFolder(), 'labrelay.db');
    openWriter(file).close();
    const db = openReader(file);
    expect(() => db.exec('CREATE TABLE t (a)')).toThrow(/readonly/);
    db.close();
  });
});
