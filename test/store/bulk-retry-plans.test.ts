import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createBulkRetryCommands } from '../../src/main/store/bulk-retries.ts';
import { createBulkCancelCommands } from '../../src/main/store/bulk-retry-cancel.ts';
import { createBulkRetryQueries } from '../../src/main/store/bulk-retry-queries.ts';
import { createBulkRunCommands } from '../../src/main/store/bulk-retry-runs.ts';
import { createBulkRunQueries } from '../../src/main/store/bulk-run-queries.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';

/** Every statement about bulk retries, as it is prepared, so that none slips past. */
function statements(): { db: Database.Database; texts: string[] } {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  const texts: string[] = [];
  const prepare = db.prepare.bind(db);
  const spied = Object.create(db, {
    prepare: {
      value: (sql: string) => {
        texts.push(sql);
        return prepare(sql);
      },
    },
    transaction: { value: db.transaction.bind(db) },
  }) as Database.Database;
  createBulkRetryCommands(spied);
  createBulkRunCommands(spied, undefined as never);
  createBulkCancelCommands(spied, undefined as never);
  createBulkRetryQueries(spied);
  createBulkRunQueries(spied);
  return { db, texts: texts.filter((sql) => sql.includes('bulk_retry')) };
}

function planOf(db: Database.Database, sql: string): string {
  const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1]);
  const marks = Array(sql.split('?').length - 1).fill(1) as number[];
  const explain = db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
  const rows = (
    names.length > 0 ? explain.all(Object.fromEntries(names)) : explain.all(...marks)
  ) as {
    detail: string;
  }[];
  return rows.map(({ detail }) => detail).join('\n');
}

const { db, texts } = statements();

test('there are statements to look at', () => expect(texts.length).toBeGreaterThan(20));

test.each(texts)('%s reads no table as a whole, and sorts nothing', (sql) => {
  const plan = planOf(db, sql);
  // The list of all, and the unfinished, are read off an index in its order.
  const isList = sql.includes('@beforeSeq IS NULL') || sql.includes('bulk_retry_unfinished');
  if (!isList) expect(plan).not.toMatch(/SCAN (bulk_retry|bulk_retry_item|i|log|l|t|task)\b/);
  expect(plan).not.toContain('TEMP B-TREE FOR ORDER BY');
});

test('counting reads the index alone', () => {
  const count = texts.find((sql) => sql.includes('count(*) AS n') && sql.includes('failure_class'));
  expect(planOf(db, count ?? '')).toContain('COVERING INDEX bulk_retry_item_by_state');
});

test('what is to be sent next is read off the index of what is left, in its order', () => {
  const next = texts.find((sql) => sql.includes('bulk_retry_item_to_send'));
  expect(planOf(db, next ?? '')).toContain(
    'INDEX bulk_retry_item_to_send (bulk_retry_seq=? AND lab_integration_id=?)',
  );
});
