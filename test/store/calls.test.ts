import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFigureQueries } from '../../src/main/store/figures.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { inboundCall, refusedCall } from './calls.ts';
import { type OpenStore, openLocalStore } from './local-store.ts';
import { ANY } from './many-logs.ts';
import { configure, delivery, event } from './samples.ts';

let store: OpenStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

const ids = async (search: Partial<typeof ANY>): Promise<string[]> =>
  (await store.searchLogs({ ...ANY, ...search })).items.map(({ logId }) => logId);

describe('a call that is kept', () => {
  test('is read back as one log, with all that was sent and answered', async () => {
    const call = inboundCall({ requestBodyCut: true });
    await store.keepCall(call);
    expect(await store.getLog(call.logId)).toMatchObject({
      direction: 'INBOUND',
      status: 'SUCCESS',
      certainty: null,
      stage: 'REPORTED',
      labId: 1,
      labIntegrationId: null,
      actionCategory: 'BILL_GENERATED',
      eventId: 'e-1',
      references: call.references,
      endPoint: '/billing/',
      requestMethod: 'POST',
      requestHeaders: call.requestHeaders,
      requestBody: call.requestBody,
      requestBodyCut: true,
      responseStatusCode: 201,
      responseHeaders: call.responseHeaders,
      responseBody: call.responseBody,
      responseBodyCut: false,
      responseTime: 40,
      ip: '10.0.0.7',
      tokenHint: 'wXyZ',
      tokenOwner: 'LIS',
      retryContext: null,
      attempts: [],
      revisions: [],
      triggered: [],
      createdAt: 900,
      updatedAt: 940,
    });
  });

  test('that named no lab and no category tells neither', async () => {
    const call = refusedCall({ responseStatusCode: null, responseTime: null, responseBody: null });
    await store.keepCall(call);
    expect(await store.getLog(call.logId)).toMatchObject({
      status: 'FAIL',
      stage: 'CREATED',
      labId: null,
      actionCategoryListId: null,
      actionCategory: null,
      responseStatusCode: null,
      responseTime: null,
      updatedAt: 900,
    });
  });

  test('is kept once, however often it is told', async () => {
    const call = inboundCall();
    await store.keepCall(call);
    await store.keepCall({ ...call, status: 'FAIL', responseStatusCode: 503 });
    expect(await ids({})).toEqual([call.logId]);
    expect(await store.getLog(call.logId)).toMatchObject({ responseStatusCode: 201 });
  });

  test('is found by direction, event, object and error', async () => {
    const taken = inboundCall();
    const refused = refusedCall();
    await store.keepCall(taken);
    await store.keepCall(refused);
    await store.acceptEvent(event([delivery(rule)]));
    expect(await ids({ direction: 'INBOUND' })).toEqual([refused.logId, taken.logId]);
    expect(await ids({ eventId: 'e-1' })).toEqual([taken.logId]);
    expect(await ids({ reference: { kind: 'bill', id: 'B-1' } })).toEqual([taken.logId]);
    expect(await ids({ errorKind: 'CALL_REFUSED' })).toEqual([refused.logId]);
    expect(await ids({ labId: 1, direction: 'INBOUND' })).toEqual([taken.logId]);
  });

  test.each([
    ['before they are indexed', async () => {}],
    ['once they are indexed', async () => void (await store.indexText(50))],
  ])('is found by the words of what it brought and was answered, %s', async (_, index) => {
    const taken = inboundCall();
    const refused = refusedCall({ requestBody: 'verma,' });
    await store.keepCall(taken);
    await store.keepCall(refused);
    await index();
    expect(await ids({ text: 'verma' })).toEqual([refused.logId, taken.logId]);
    expect(await ids({ text: 'sodium asha' })).toEqual([taken.logId]);
    expect(await ids({ text: 'invalid_json' })).toEqual([refused.logId]);
  });
});

describe('a call that brings an event', () => {
  test('is kept in the event’s commit, with the event’s answer, and linked with what it fires', async () => {
    const { responseBody: _, ...call } = inboundCall();
    const two = [1, 2].map(() => delivery(rule, { triggeredBy: call.logId }));
    const command = event(two, { call });
    await store.acceptEvent(command);
    const log = await store.getLog(call.logId);
    expect(log?.responseBody).toBe(JSON.stringify(command.answer));
    const fired = two.map(({ log: { logId } }) => logId);
    expect(log?.triggered).toEqual(fired);
    expect(await ids({ triggeredBy: call.logId })).toEqual(fired.toReversed());
    expect((await store.getLog(fired[0] ?? ''))?.triggeredBy).toBe(call.logId);
  });

  test.each([
    [
      'cannot be written',
      async () => {
        const { responseBody: _, ...call } = inboundCall();
        const twice = delivery(rule);
        await expect(store.acceptEvent(event([twice, twice], { call }))).rejects.toThrow(/rule/);
        return call.logId;
      },
    ],
    [
      'is to be merged anew',
      async () => {
        const { responseBody: _, ...call } = inboundCall();
        const stale = { kind: 'bill', id: 'B-1', baseVersion: 7 } as const;
        const objects = [{ ...stale, sourceUpdatedAt: null, document: {} }];
        const result = await store.acceptEvent(event([delivery(rule)], { call, objects }));
        expect(result.outcome).toBe('CONFLICT');
        return call.logId;
      },
    ],
    [
      'was taken before',
      async () => {
        const { responseBody: _, ...call } = inboundCall();
        const first = event([delivery(rule)]);
        const known = { ...first, event: { ...first.event, bodyHash: 'h' } };
        await store.acceptEvent(known);
        expect((await store.acceptEvent({ ...known, call })).outcome).toBe('REPEAT');
        return call.logId;
      },
    ],
  ])('leaves nothing where the event %s', async (_, attempt) => {
    expect(await store.getLog(await attempt())).toBeNull();
  });
});

describe('figures', () => {
  test('tell calls into the lab apart from deliveries', async () => {
    await store.keepCall(inboundCall());
    await store.keepCall(refusedCall());
    await store.keepCall(refusedCall({ errorKind: 'CALLER_GONE' }));
    await store.acceptEvent(
      event([
        delivery(rule),
        delivery(rule, { status: 'FAIL', errorKind: 'PAYLOAD' }),
        delivery(rule, { status: 'SUCCESS' }),
        delivery(rule, { status: 'SUCCESS' }),
      ]),
    );
    const { logsByStatus, inboundByStatus } = await store.figures();
    expect(logsByStatus).toEqual({ PENDING: 1, FAIL: 1, SUCCESS: 2 });
    expect(inboundByStatus).toEqual({ SUCCESS: 1, FAIL: 2 });
  });

  test('count no call’s failure as a delivery’s', async () => {
    await store.keepCall(refusedCall());
    const { logsByStatus, inboundByStatus } = await store.figures();
    expect(logsByStatus).toEqual({ SUCCESS: 0 });
    expect(inboundByStatus).toEqual({ SUCCESS: 0, FAIL: 1 });
  });

  test('are read off indexes, without a look at any log', () => {
    const db = new Database(':memory:');
    for (const { sql } of MIGRATIONS) db.exec(sql);
    const prepare = db.prepare.bind(db);
    const counts: string[] = [];
    const spied = Object.create(db, {
      prepare: {
        value: (sql: string) => {
          if (/FROM log\b/.test(sql)) counts.push(sql);
          return prepare(sql);
        },
      },
      transaction: { value: db.transaction.bind(db) },
    }) as Database.Database;
    createFigureQueries(spied);
    expect(counts).toHaveLength(5);
    for (const sql of counts) {
      const marks = sql.split('?').length - 1;
      const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array(marks).fill('1')) as {
        detail: string;
      }[];
      expect(plan.map(({ detail }) => detail).join('\n')).toMatch(
        /(SCAN|SEARCH) log USING COVERING INDEX/,
      );
    }
  });
});
