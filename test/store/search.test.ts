import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogRecord } from '../../src/shared/model/delivery.ts';
import type { LogSearch } from '../../src/shared/model/search.ts';
import {
  CERTAINTIES,
  DIRECTIONS,
  ERROR_KINDS,
  LOG_STATUSES,
  PRIORITIES,
  RETRY_STATES,
} from '../../src/shared/model/vocabulary.ts';
import type { OpenStore } from './local-store.ts';
import {
  ANY,
  BATCHES,
  CATEGORIES,
  CODES,
  CONTROL_IDS,
  EVENTS,
  expected,
  LABS,
  manyLogs,
  PATIENTS,
  TIMES,
  WORDS,
} from './many-logs.ts';

let store: OpenStore;
let logs: LogRecord[];
let rules: number[];
beforeAll(async () => {
  ({ store, logs, rules } = await manyLogs(240));
});
afterAll(() => store.close());

/** Every page of a search, and the total that each told. */
async function pages(search: Partial<LogSearch>): Promise<{ ids: string[]; totals: number[] }> {
  const ids: string[] = [];
  const totals: number[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.searchLogs({ ...ANY, ...search, cursor });
    expect(page.items.length).toBeLessThanOrEqual(search.limit ?? ANY.limit);
    ids.push(...page.items.map(({ logId }) => logId));
    totals.push(page.totalEstimate);
    cursor = page.nextCursor;
    if (ids.length > logs.length) throw new Error('the pages do not end');
  } while (cursor !== null);
  return { ids, totals };
}

/** Each filter with the values that the logs have. */
function filters(): { [K in keyof LogSearch]?: readonly NonNullable<LogSearch[K]>[] } {
  const several = <T>(values: readonly T[]) => [
    ...values.map((value) => [value]),
    values.slice(0, 3),
    [values[0] as T, values[0] as T],
  ];
  return {
    status: several(LOG_STATUSES),
    certainty: several(CERTAINTIES),
    retryState: several(RETRY_STATES),
    direction: DIRECTIONS,
    labId: LABS,
    labIntegrationId: rules,
    actionCategory: CATEGORIES,
    batchId: BATCHES,
    eventId: EVENTS,
    controlId: CONTROL_IDS,
    reference: [
      ...PATIENTS.map((id) => ({ kind: 'patient' as const, id })),
      ...EVENTS.map((id) => ({ kind: 'event' as const, id })),
    ],
    responseStatusCode: CODES,
    errorKind: ERROR_KINDS,
    priority: PRIORITIES,
    from: TIMES,
    to: TIMES,
    text: [...WORDS, `${WORDS[0]} ${WORDS[2]}`],
    includeSuppressed: [true],
  };
}

async function check(search: Partial<LogSearch>): Promise<void> {
  const wanted = expected(logs, { ...ANY, ...search }).map(({ logId }) => logId);
  const { ids, totals } = await pages(search);
  expect(ids).toEqual(wanted);
  expect(new Set(totals)).toEqual(new Set([wanted.length]));
}

describe('searchLogs', () => {
  test('without a filter lists everything but what is suppressed, newest first', async () => {
    await check({});
    await check({ includeSuppressed: true, limit: 7 });
  });

  test('finds by each filter what has that value, whatever the value', async () => {
    for (const [name, values] of Object.entries(filters())) {
      for (const value of values) await check({ [name]: value });
    }
  });

  test('finds by several filters what has all the values, page by page', async () => {
    const combination = fc.record(
      Object.fromEntries(
        Object.entries(filters()).map(([name, values]) => [
          name,
          fc.option(fc.constantFrom(...(values as unknown[])), {
            freq: 3,
            nil: ANY[name as 'text'],
          }),
        ]),
      ),
    ) as fc.Arbitrary<Partial<LogSearch>>;
    // freq 3 gives most filters a value; a few at a time find something.
    const few = fc
      .tuple(
        combination,
        fc.uniqueArray(fc.constantFrom(...Object.keys(filters())), { minLength: 2, maxLength: 4 }),
      )
      .map(([all, names]) =>
        Object.fromEntries(names.map((name) => [name, all[name as keyof LogSearch]])),
      );
    await fc.assert(
      fc.asyncProperty(few, fc.integer({ min: 1, max: 40 }), async (search, limit) => {
        await check({ ...search, limit });
      }),
      { numRuns: 150 },
    );
  });

  test('finds nothing by what no log has', async () => {
    const nothing: Partial<LogSearch>[] = [
      { labId: 99 },
      { eventId: 'none' },
      { batchId: 'none' },
      { controlId: 'none' },
      { reference: { kind: 'bill', id: 'P1' } },
      { responseStatusCode: 599 },
      { responseStatusCode: 100 },
      { from: 2_000 },
      { to: 0 },
      { from: 1_050, to: 1_050 },
      { text: 'nobody' },
      { text: '…' },
    ];
    for (const search of nothing) await check(search);
  });
});

describe('a log_id', () => {
  test('is found whole, by a prefix, and by its end, in either case, suppressed or not', async () => {
    for (const { logId } of logs.slice(0, 40)) {
      for (const part of [logId, logId.slice(0, 20), logId.slice(-6), logId.slice(-14)]) {
        const { ids } = await pages({ logId: part });
        expect(ids).toContain(logId);
        expect(ids.every((id) => id.startsWith(part) || id.endsWith(part))).toBe(true);
        expect((await pages({ logId: part.toUpperCase() })).ids).toEqual(ids);
      }
    }
    const { ids } = await pages({ logId: logs[0]?.logId.slice(0, 6) ?? '' });
    expect(ids).toHaveLength(logs.length);
  });

  test('is found by its first characters, however few; by its last only from six on', async () => {
    const newestFirst = (await pages({ includeSuppressed: true })).ids;
    const logId = logs.at(-1)?.logId ?? '';
    for (let length = 1; length < 6; length++) {
      const beginning = logId.slice(0, length);
      const { ids } = await pages({ logId: beginning.toUpperCase(), limit: 7 });
      expect(ids).toEqual(newestFirst.filter((id) => id.startsWith(beginning)));
      expect(ids).toContain(logId);
    }
    for (const none of ['f', 'ff', 'fffff']) expect((await pages({ logId: none })).ids).toEqual([]);
    const narrowed = await pages({ logId: logId.slice(0, 3), labId: LABS[0] ?? 0 });
    expect(narrowed.ids).toEqual(
      (await pages({ labId: LABS[0] ?? 0, includeSuppressed: true })).ids,
    );
  });

  test('is not found by its middle, or by the end of another', async () => {
    const logId = logs[0]?.logId ?? '';
    expect((await pages({ logId: logId.slice(9, 20) })).ids).toEqual([]);
    expect((await pages({ logId: `f${logId.slice(1)}` })).ids).toEqual([]);
    expect((await pages({ logId: `0000000${logId.slice(-6)}` })).ids).toEqual([]);
  });

  test('is found only where the other filters hold as well', async () => {
    const [log] = logs;
    if (!log) throw new Error('no log');
    expect((await pages({ logId: log.logId, labId: log.labId })).ids).toEqual([log.logId]);
    expect((await pages({ logId: log.logId, labId: 99 })).ids).toEqual([]);
  });
});

describe('a cursor', () => {
  test('that is not ours is refused, by name', async () => {
    for (const cursor of ['x', '1.2.3', Buffer.from('1.2').toString('base64url'), "';--", ' ']) {
      await expect(store.searchLogs({ ...ANY, cursor })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        errors: [{ field: 'cursor', reason: expect.stringContaining('leave it out') }],
      });
    }
  });

  test('ends with the last page, also where that is full', async () => {
    const all = expected(logs, ANY).length;
    const whole = await store.searchLogs({ ...ANY, limit: all });
    expect(whole.items).toHaveLength(all);
    expect(whole.nextCursor).toBeNull();
    const shorter = await store.searchLogs({ ...ANY, limit: all - 1 });
    expect(shorter.nextCursor).not.toBeNull();
  });
});

describe('a summary in a list', () => {
  test('says what the whole document says', async () => {
    const { items } = await store.searchLogs({ ...ANY, includeSuppressed: true });
    for (const item of items) {
      expect(logs.find(({ logId }) => logId === item.logId)).toMatchObject({ ...item });
    }
  });
});
