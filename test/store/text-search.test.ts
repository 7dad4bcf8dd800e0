import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogSearch } from '../../src/shared/model/search.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { ANY, expected, manyLogs, WORDS } from './many-logs.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let store: OpenStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

async function indexAll(): Promise<void> {
  while ((await store.indexText(50)) > 0);
}

/** The log ids that these words find, newest first. */
async function found(text: string, more: Partial<LogSearch> = {}): Promise<string[]> {
  const page = await store.searchLogs({ ...ANY, text, ...more });
  expect(page.totalEstimate).toBe(page.items.length);
  return page.items.map(({ logId }) => logId);
}

/** A delivery with this payload, answered with that; it waits for the index. */
async function delivered(payload: string, answer: string, errorMessage: string | null = null) {
  const one = delivery(rule, {}, payload);
  await store.acceptEvent(event([one]));
  const { task } = await stampNext(store);
  const { logId } = one.log;
  const outcome = errorMessage === null ? {} : ({ status: 'FAIL', certainty: 'UNKNOWN' } as const);
  await store.settle({
    taskId: task.taskId,
    report: report(logId, { responseBody: answer, errorMessage, ...outcome }),
    reportOverHttp: null,
  });
  return logId;
}

describe('words are found', () => {
  test.each([
    ['before they are indexed', async () => {}],
    ['once they are indexed', indexAll],
  ])('in payload, response and error, %s', async (_, index) => {
    const logId = await delivered('{"name":"Asha Verma"}', 'Mirth took it', 'No such Patient');
    const other = await delivered('{"name":"Asha Rao"}', 'fine');
    await index();
    expect(await found('verma')).toEqual([logId]);
    expect(await found('mirth')).toEqual([logId]);
    expect(await found('patient')).toEqual([logId]);
    expect(await found('asha')).toEqual([other, logId]);
    // All words must be in the log, wherever each is.
    expect(await found('patient asha took')).toEqual([logId]);
    expect(await found('asha nobody')).toEqual([]);
    // Words, not parts of them.
    expect(await found('ash')).toEqual([]);
  });

  test.each([
    ['before they are indexed', async () => {}],
    ['once they are indexed', indexAll],
  ])('without regard to case and diacritics, in any script, %s', async (_, index) => {
    const payload = JSON.stringify({ names: ['José Müller', 'हिन्दी अनुवाद', '한국어', 'ŁUKASZ'] });
    const logId = await delivered(payload, 'Größe: Ω');
    await delivered('{"name":"Joseph Mueller"}', 'fine');
    await index();
    for (const word of [
      'jose',
      'JOSÉ',
      'muller',
      'Mu\u0308ller',
      'हिन्दी',
      '한국어',
      'łukasz',
      'grösse',
      'GRÖßE',
      'ω',
    ]) {
      expect([word, await found(word)]).toEqual([word, [logId]]);
    }
  });

  test.each([
    ['before they are indexed', async () => {}],
    ['once they are indexed', indexAll],
  ])('as people read JSON, not as it is escaped, %s', async (_, index) => {
    const text = 'Haemoglobin\nNormal\t"high"\\low/end';
    const logId = await delivered(JSON.stringify({ text }), '{"who":"Jos\\u00e9"}');
    // What is no JSON is not unescaped.
    const path = await delivered('<path>C:\\new</path>', 'fine');
    await index();
    for (const word of ['haemoglobin', 'normal', 'high', 'low', 'end', 'jose']) {
      expect([word, await found(word)]).toEqual([word, [logId]]);
    }
    expect(await found('new')).toEqual([path]);
  });

  test('in a large body only in its beginning, which is where people look', async () => {
    const logId = await delivered(`{"a":"first ${'x '.repeat(40_000)} last"}`, 'fine');
    for (const index of [async () => {}, indexAll]) {
      await index();
      expect(await found('first')).toEqual([logId]);
      expect(await found('last')).toEqual([]);
    }
  });

  test('whatever stands around them in the question', async () => {
    const logId = await delivered('{"id":"E-4711"}', 'x AND y');
    await indexAll();
    for (const question of [
      '"E-4711"',
      'e 4711',
      '(4711)',
      '4711*',
      'x:y',
      "4711' OR 1=1 --",
      'NEAR 4711',
      'and',
    ]) {
      const isThere = !/near|1=1/i.test(question);
      expect([question, await found(question)]).toEqual([question, isThere ? [logId] : []]);
    }
  });
});

describe('what is not indexed yet', () => {
  test('is searched as it stands: pending, settled lately, and changed since', async () => {
    const pending = delivery(rule, {}, '{"name":"Asha"}');
    await store.acceptEvent(event([pending]));
    expect(await found('asha')).toEqual([pending.log.logId]);

    const { task } = await stampNext(store);
    await store.settle({
      taskId: task.taskId,
      report: report(pending.log.logId, {
        status: 'FAIL',
        certainty: 'UNKNOWN',
        responseBody: 'down',
      }),
      reportOverHttp: null,
    });
    expect(await found('asha down')).toEqual([pending.log.logId]);
    await indexAll();
    expect(await found('asha down')).toEqual([pending.log.logId]);

    // A confirmation comes: the old answer's words are not the log's any more, indexed or not.
    await store.report(report(pending.log.logId, { responseBody: 'confirmed' }));
    for (const index of [async () => {}, indexAll]) {
      await index();
      expect(await found('asha confirmed')).toEqual([pending.log.logId]);
      expect(await found('down')).toEqual([]);
    }
  });

  test('is counted once, though it stands in the index as well', async () => {
    const logIds = [];
    for (let count = 0; count < 5; count++) {
      logIds.unshift(await delivered('{"name":"Asha"}', 'down', 'it failed'));
    }
    await indexAll();
    for (const logId of logIds.slice(0, 2))
      await store.report(report(logId, { responseBody: 'up' }));
    expect(await found('asha')).toEqual(logIds);
    expect(await found('asha', { includeSuppressed: true })).toEqual(logIds);
  });

  test('is taken into the index batch by batch, and then nothing is left', async () => {
    for (let count = 0; count < 5; count++) await delivered('{}', 'fine');
    expect(await store.indexText(2)).toBe(2);
    expect(await store.indexText(2)).toBe(2);
    expect(await store.indexText(2)).toBe(1);
    expect(await store.indexText(2)).toBe(0);
  });
});

describe('pages', () => {
  test('of a word search are complete, however much is indexed', async () => {
    const { store: full, logs } = await manyLogs(160);
    for (const indexed of [0, 37, 200]) {
      if (indexed > 0) await full.indexText(indexed);
      for (const text of [...WORDS, `${WORDS[0]} ${WORDS[1]}`]) {
        for (const more of [{}, { status: ['FAIL', 'PENDING'] as const }, { labId: 1 }]) {
          const search = { ...ANY, ...more, text, limit: 7 } as LogSearch;
          const wanted = expected(logs, search).map(({ logId }) => logId);
          const ids: string[] = [];
          let cursor: string | null = null;
          do {
            const page = await full.searchLogs({ ...search, cursor });
            expect(page.totalEstimate).toBe(wanted.length);
            ids.push(...page.items.map(({ logId }) => logId));
            cursor = page.nextCursor;
          } while (cursor !== null && ids.length <= wanted.length);
          expect(ids).toEqual(wanted);
        }
      }
    }
    await full.close();
  });

  test.each([null, 'asha'])(
    'have no gap and no log twice while others come in and are settled (words: %s)',
    async (text) => {
      const logIds: string[] = [];
      for (let count = 0; count < 25; count++) {
        logIds.unshift(await delivered('{"name":"Asha"}', 'fine'));
      }
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.searchLogs({ ...ANY, text, limit: 4, cursor });
        ids.push(...page.items.map(({ logId }) => logId));
        cursor = page.nextCursor;
        // Between the pages: new ones, settled and pending, and the index moves on.
        await delivered('{"name":"Asha"}', 'fine');
        await store.acceptEvent(event([delivery(rule, { createdAt: 9_000 }, '{"name":"Asha"}')]));
        await stampNext(store);
        await store.indexText(3);
      } while (cursor !== null);
      expect(ids).toEqual(logIds);
    },
  );
});
