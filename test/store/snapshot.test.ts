import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDirectoryQueries } from '../../src/main/store/directory.ts';
import { createSearchQueries } from '../../src/main/store/search.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { ANY } from './many-logs.ts';
import { configure, delivery, event, stampNext } from './samples.ts';

/**
 * A query of several statements while somebody else writes: what the writer thread does between two
 * of a reader's statements is done here on purpose.
 */
let store: OpenStore & { file: string };
let writer: Database.Database;
let reader: Database.Database;

beforeEach(() => {
  store = openLocalStore();
  writer = new Database(store.file);
  reader = new Database(store.file, { readonly: true });
});
afterEach(async () => {
  reader.close();
  writer.close();
  await store.close();
});

/** The reader's connection, on which `write` happens behind the first statement that reads `table`. */
function interrupted(table: string, write: () => void): Database.Database {
  let done = false;
  const prepare = (sql: string) => {
    const statement = reader.prepare(sql);
    const watch =
      <A extends unknown[], R>(read: (...input: A) => R) =>
      (...input: A): R => {
        const rows = read(...input);
        if (!done && sql.includes(table)) {
          done = true;
          write();
        }
        return rows;
      };
    const [all, get] = [statement.all.bind(statement), statement.get.bind(statement)];
    Object.assign(statement, { all: watch(all), get: watch(get) });
    return statement;
  };
  return Object.create(reader, {
    prepare: { value: prepare },
    transaction: { value: reader.transaction.bind(reader) },
  }) as Database.Database;
}

async function sent(): Promise<string> {
  const one = delivery(await configure(store));
  await store.acceptEvent(event([one]));
  await stampNext(store);
  return one.log.logId;
}

test('a log that changes its status while a list is read is listed once', async () => {
  const logId = await sent();
  const db = interrupted(`FROM log INDEXED BY log_not_successful`, () =>
    writer.exec(`UPDATE log SET status = 'FAIL'`),
  );
  const { searchLogs } = createSearchQueries(db);
  const page = searchLogs({ ...ANY, status: ['PENDING', 'FAIL'] });
  expect(page.items.map((log) => [log.logId, log.status])).toEqual([[logId, 'PENDING']]);
  expect(page.totalEstimate).toBe(1);
  expect(writer.prepare('SELECT status FROM log').pluck().get()).toBe('FAIL');
});

test('a log that is settled while its document is read is shown as it was before', async () => {
  const logId = await sent();
  const db = interrupted('FROM log WHERE log_id', () => {
    writer.exec(`UPDATE log SET status = 'SUCCESS'; UPDATE attempt SET status = 'SUCCESS'`);
  });
  const { getLog } = createDirectoryQueries(db);
  expect(getLog(logId)).toMatchObject({ status: 'PENDING', attempts: [{ status: null }] });
  expect(getLog(logId)).toMatchObject({ status: 'SUCCESS', attempts: [{ status: 'SUCCESS' }] });
});
