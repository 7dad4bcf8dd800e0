import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { createSearchQueries } from '../../src/main/store/search.ts';
import { EVERY_LOG, type LogSearch } from '../../src/shared/model/search.ts';

/** One log a second; every fourth failed. */
const LOGS = 8_000;
let db: Database.Database;
let search: (filters: Partial<LogSearch>) => number;

beforeAll(() => {
  db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  const insert = db.prepare(
    `INSERT INTO log (log_id, direction, status, retry_state, stage, priority, lab_id,
       action_category_list_id, action_category, transport, revision, is_retry_enabled,
       retry_context, created_at, updated_at)
     VALUES (?, 'OUTBOUND', ?, 'NONE', 'REPORTED', 'ROUTINE', 1, 1, 'X', 'http', 1, 1,
       '{"references":[]}', ?, 0)`,
  );
  db.transaction(() => {
    for (let n = 1; n <= LOGS; n++)
      insert.run(`log-${n}`, n % 4 === 0 ? 'FAIL' : 'SUCCESS', n * 1_000);
  })();
  const { searchLogs } = createSearchQueries(db);
  search = (filters) => searchLogs({ ...EVERY_LOG, limit: 1, ...filters }).totalEstimate;
});
afterAll(() => db.close());

test('a total up to a thousand is exact', () => {
  expect(search({ from: (LOGS - 998) * 1_000 })).toBe(999);
  expect(search({ from: (LOGS - 999) * 1_000, status: ['FAIL'] })).toBe(250);
});

test.each<[string, Partial<LogSearch>, number]>([
  ['of all logs', {}, LOGS],
  ['of the latest', { from: 4_001_000 }, 4_000],
  ['of those before a day', { to: 3_001_000 }, 3_000],
  ['of those between two', { from: 2_001_000, to: 5_001_000 }, 3_000],
  ['of failures', { status: ['FAIL'] }, LOGS / 4],
  ['of the latest failures', { status: ['FAIL'], from: 2_001_000 }, 1_500],
])('a larger total %s is told to within a hundredth', (_, filters, count) => {
  expect(Math.abs(search(filters) - count) / count).toBeLessThan(0.01);
});
