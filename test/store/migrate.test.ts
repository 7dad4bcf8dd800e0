import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import type { Migration } from '../../src/main/store/migrations/migration.ts';
import { temporaryFolder } from '../helpers/folders.ts';

const first: Migration = { version: 1, name: 'first', sql: 'CREATE TABLE a (x INTEGER) STRICT' };
const second: Migration = { version: 2, name: 'second', sql: 'ALTER TABLE a ADD COLUMN y TEXT' };
const broken: Migration = {
  version: 3,
  name: 'broken',
  sql: 'CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);',
};
const now = new Date('2026-11-23T08:00:00.000Z');

function store() {
  const folder = temporaryFolder();
  return { db: new Database(join(folder, 'store.db')), backups: join(folder, 'backups') };
}

describe('migrating', () => {
  test('takes a new store through every step, without a backup of nothing', () => {
    const { db, backups } = store();
    expect(migrate(db, [first, second], backups, now)).toEqual({ from: 0, to: 2, backup: null });
    expect(migrate(db, [first, second], backups, now)).toEqual({ from: 2, to: 2, backup: null });
  });

  test('copies a store that holds data before it changes it', () => {
    const { db, backups } = store();
    migrate(db, [first], backups, now);
    db.exec('INSERT INTO a VALUES (7)');
    const { backup } = migrate(db, [first, second], backups, now);
    expect(readdirSync(backups)).toHaveLength(1);
    const copy = new Database(backup as string, { readonly: true });
    expect(copy.pragma('user_version', { simple: true })).toBe(1);
    expect(copy.prepare('SELECT x FROM a').pluck().get()).toBe(7);
    copy.close();
    expect(db.prepare('SELECT x, y FROM a').get()).toEqual({ x: 7, y: null });
  });

  test('leaves no half of a step that fails', () => {
    const { db, backups } = store();
    migrate(db, [first, second], backups, now);
    expect(() => migrate(db, [first, second, broken], backups, now)).toThrow(/nowhere/);
    expect(db.pragma('user_version', { simple: true })).toBe(2);
    expect(db.prepare(`SELECT count(*) FROM sqlite_master WHERE name = 'b'`).pluck().get()).toBe(0);
  });

  test('numbers its steps from 1 without gaps', () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(
      MIGRATIONS.map((_, index) => index + 1),
    );
  });
});
