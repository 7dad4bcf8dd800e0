import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { createWaits } from '../../src/main/store/waits.ts';
import { createSearchQueries } from '../../src/main/store/search.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import type { LogSearch } from '../../src/shared/model/search.ts';
import { ANY } from './many-logs.ts';

/**
 * The ways that searches take through the store. Plans are read for every statement that a search
 * really runs, so that a change of the SQL cannot slip past them.
 */
let db: Database.Database;
let statements: string[];

beforeAll(() => {
  db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
});

/** The plan of each statement that a search runs, as SQLite words it. */
function plansOf(search: Partial<LogSearch>): string[] {
  statements = [];
  const prepare = db.prepare.bind(db);
  const spied = Object.create(db, {
    prepare: {
      value: (sql: string) => {
        statements.push(sql);
        return prepare(sql);
      },
    },
    transaction: { value: db.transaction.bind(db) },
  }) as Database.Database;
  const { searchLogs } = createSearchQueries(spied);
  // What is prepared beforehand belongs to no search.
  statements = [];
  searchLogs({ ...ANY, ...search });
  expect(statements.length).toBeGreaterThan(0);
  // Whether the index alone suffices makes no difference here.
  return statements.map((sql) => {
    const marks = sql.split('?').length - 1;
    const rows = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array(marks).fill('1')) as {
      detail: string;
    }[];
    return rows.map(({ detail }) => detail.replace('COVERING ', '')).join('\n');
  });
}

const cursor = Buffer.from('1000.5.100').toString('base64url');

/** Walks that give newest first by themselves. */
const WALKS: [string, Partial<LogSearch>, string][] = [
  ['nothing', {}, 'log_by_time'],
  ['a time', { from: 1, to: 2 }, 'log_by_time'],
  ['a lab', { labId: 1 }, 'log_by_lab'],
  ['a lab and a time', { labId: 1, from: 1, to: 2 }, 'log_by_lab'],
  ['an integration', { labIntegrationId: 1 }, 'log_by_integration'],
  ['an integration of a lab', { labIntegrationId: 1, labId: 1 }, 'log_by_integration'],
  ['a batch', { batchId: 'b' }, 'log_by_batch'],
  ['an error', { errorKind: 'DNS' }, 'log_by_error'],
  ['a refusal', { responseStatusCode: 404 }, 'log_by_refusal_code'],
  ['the first characters of log_ids, of a lab', { logId: '01', labId: 1 }, 'log_by_lab'],
  ['a status', { status: ['FAIL'] }, 'log_not_successful'],
  ['several statuses', { status: ['PENDING', 'FAIL', 'QUEUED'] }, 'log_not_successful'],
  ['the suppressed', { status: ['SUPPRESSED'] }, 'log_not_successful'],
  ['a status of a lab', { status: ['FAIL'], labId: 1, from: 1 }, 'log_not_successful'],
  ['calls', { direction: 'INBOUND' }, 'log_of_calls'],
  ['calls of a lab', { direction: 'INBOUND', labId: 1, from: 1 }, 'log_of_calls'],
  ['refused calls', { direction: 'INBOUND', status: ['FAIL'] }, 'log_of_calls'],
  ['deliveries', { direction: 'OUTBOUND', labId: 1 }, 'log_by_lab'],
  ['a success of a lab', { status: ['SUCCESS'], labId: 1 }, 'log_by_lab'],
];

describe.each([
  ['the first page', null],
  ['a later page', cursor],
])('%s', (_, at) => {
  test.each(WALKS)('by %s is read off one index, in its order, from where it starts', (...row) => {
    const [, search, index] = row;
    for (const plan of plansOf({ ...search, cursor: at })) {
      expect(plan).toContain(`log USING INDEX ${index}`);
      expect(plan).not.toContain('TEMP B-TREE');
      expect(plan).not.toMatch(/SCAN log(?! USING INDEX)/);
      // Only a list without any condition on the index walks all of it, and ends after its page.
      const isOpen = at === null && index === 'log_by_time' && search.from === undefined;
      if (!isOpen) expect(plan).toMatch(new RegExp(`SEARCH log USING INDEX ${index}`));
    }
  });
});

describe('what is rare is found by its own index and then sorted', () => {
  test.each<[string, Partial<LogSearch>, RegExp]>([
    ['a log_id', { logId: '0193a5c0-0000-7000-8000-000000000001' }, /log_by_id[^]*log_by_tail/],
    ['an event', { eventId: 'e' }, /SEARCH log USING INDEX log_by_event/],
    ['a control id', { controlId: 'c' }, /SEARCH log USING INDEX log_by_control_id/],
    [
      'an object',
      { reference: { kind: 'patient', id: 'P1' } },
      /SEARCH ref USING (PRIMARY KEY|INDEX)[^]*SEARCH log USING INTEGER PRIMARY KEY/,
    ],
    ['an event by reference', { reference: { kind: 'event', id: 'e' } }, /log_by_event/],
  ])('%s', (_, search, way) => {
    for (const plan of plansOf(search)) {
      expect(plan).toMatch(way);
      expect(plan).not.toMatch(/SCAN log\b/);
    }
  });
});

test('what a follower waits for is found by its key alone, once for each row that has one', () => {
  const prepared: string[] = [];
  const prepare = db.prepare.bind(db);
  const spied = Object.create(db, {
    prepare: {
      value: (sql: string) => {
        prepared.push(sql);
        return prepare(sql);
      },
    },
  }) as Database.Database;
  createWaits(spied);
  // Of a key, and of a batch that is not complete.
  expect(prepared).toHaveLength(2);
  const stepsOf = (sql = '') =>
    (prepare(`EXPLAIN QUERY PLAN ${sql}`).all(1) as { detail: string }[])
      .map(({ detail }) => detail)
      .join('\n');
  const steps = stepsOf(prepared[0]);
  expect(stepsOf(prepared[1])).toMatch(/SEARCH task USING (COVERING )?INDEX sqlite_autoindex_task/);
  expect(steps).toMatch(/SEARCH b USING INDEX task_key_receiving/);
  expect(steps).toMatch(/SEARCH t USING INDEX sqlite_autoindex_task/);
  expect(steps).toMatch(/SEARCH b USING INDEX task_key_head/);
  expect(steps).not.toContain('SCAN');
});

test('words are found by the text index, and the tail by what is in it', () => {
  const plans = plansOf({ text: 'asha', labId: 1 });
  expect(plans.some((plan) => /VIRTUAL TABLE INDEX/.test(plan))).toBe(true);
  for (const plan of plans) {
    // log is only ever reached by its number.
    expect(plan).not.toMatch(/SCAN log\b(?!_text)/);
    expect(plan).toMatch(
      /SEARCH log USING INTEGER PRIMARY KEY|SEARCH log USING INDEX log_not_succ/,
    );
  }
});
