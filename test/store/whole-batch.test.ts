import Database from 'better-sqlite3';
import { expect, test, vi } from 'vitest';
import { type Command, GroupCommit, Undone } from '../../src/main/store/group-commit.ts';
import type { Reply } from '../../src/main/store/protocol.ts';

/** A group commit over a real store, whose commands fail as they are told. */
function group(make: (db: Database.Database) => Record<string, () => unknown> = () => ({})) {
  const db = new Database(':memory:');
  db.exec('CREATE TABLE row (name TEXT UNIQUE)');
  const insert = db.prepare('INSERT INTO row VALUES (?)');
  const replies: Reply[] = [];
  const all: Record<string, Command> = { insert: (name: string) => insert.run(name), ...make(db) };
  const commit = new GroupCommit(
    db,
    new Map(Object.entries(all)),
    (batch) => replies.push(...batch),
    () => {},
  );
  let id = 0;
  return {
    run: async (...requests: [name: string, input?: unknown][]): Promise<Reply[]> => {
      replies.length = 0;
      commit.push(requests.map(([name, input]) => ({ id: ++id, name, input })));
      await vi.waitFor(() => expect(replies).toHaveLength(requests.length));
      return [...replies];
    },
    rows: () => db.prepare('SELECT name FROM row ORDER BY name').pluck().all(),
  };
}

const kinds = (replies: Reply[]) => replies.map((reply) => (reply.ok ? 'ok' : reply.error.kind));

test.each(['SQLITE_IOERR_WRITE', 'SQLITE_IOERR_FSYNC', 'SQLITE_FULL', 'SQLITE_CORRUPT'])(
  '%s in the middle fails the whole batch, and the next one works',
  async (code) => {
    const { run, rows } = group(() => ({
      // As better-sqlite3 throws it where the disk fails.
      fail: () => {
        throw new Database.SqliteError('the disk failed', code);
      },
    }));
    const failed = await run(['insert', 'a'], ['fail'], ['insert', 'b']);
    expect(kinds(failed)).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);
    expect(rows()).toEqual([]);
    expect(kinds(await run(['insert', 'a']))).toEqual(['ok']);
    expect(rows()).toEqual(['a']);
  },
);

test('a broken constraint and a fault of a command fail alone', async () => {
  const { run, rows } = group(() => ({
    bug: () => {
      throw new TypeError('undefined is not a function');
    },
  }));
  const replies = await run(
    ['insert', 'a'],
    ['insert', 'a'],
    ['bug'],
    ['unheard-of'],
    ['insert', 'b'],
  );
  expect(kinds(replies)).toEqual(['ok', 'CONSTRAINT', 'BUG', 'BUG', 'ok']);
  expect(rows()).toEqual(['a', 'b']);
});

test('a transaction that SQLite has rolled back by itself takes every request with it', async () => {
  const { run, rows } = group((db) => ({
    vanish: () => {
      db.exec('ROLLBACK');
      throw new Error('rolled back');
    },
  }));
  const failed = await run(['insert', 'a'], ['vanish'], ['insert', 'b']);
  expect(kinds(failed)).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);
  expect(rows()).toEqual([]);
  expect(kinds(await run(['insert', 'c']))).toEqual(['ok']);
  expect(rows()).toEqual(['c']);
});

test('an answer that undoes its own writes leaves those of others', async () => {
  const { run, rows } = group((db) => ({
    undo: () => {
      db.prepare('INSERT INTO row VALUES (?)').run('undone');
      return new Undone('conflict');
    },
  }));
  expect(await run(['insert', 'a'], ['undo'], ['insert', 'b'])).toMatchObject([
    { ok: true },
    { ok: true, value: 'conflict' },
    { ok: true },
  ]);
  expect(rows()).toEqual(['a', 'b']);
});

test('what nobody is told of does not wait for the disk; whatever it shares a commit with does', async () => {
  const seen: unknown[] = [];
  const { run } = group((db) => {
    const look = () => seen.push(db.pragma('synchronous', { simple: true }));
    return { spoolRecords: look, buildBatch: look, acceptEvent: look };
  });
  const full = 2;
  const normal = 1;
  await run(['spoolRecords']);
  await run(['buildBatch', { isLast: false }]);
  await run(['acceptEvent']);
  await run(['spoolRecords'], ['acceptEvent']);
  await run(['spoolRecords']);
  // The caller is answered on the strength of this one, and so of all before it.
  await run(['buildBatch', { isLast: true }]);
  expect(seen).toEqual([normal, normal, full, full, full, normal, full]);
});
