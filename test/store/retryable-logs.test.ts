import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createReadRetryable } from '../../src/main/store/retryable-logs.ts';
import type { NewLog } from '../../src/shared/model/delivery.ts';
import type { Reference } from '../../src/shared/model/domain.ts';
import { openLocalStore } from './local-store.ts';
import { attemptEnds, endedLog, ENDS, type LocalStore, retryOf } from './retrying.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

let store: LocalStore;
let rule: number;
beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store, { isRetryEnabled: false, onUnknown: 'skip' });
});
afterEach(() => store.close());

const read = async (logId: string) => {
  const log = await store.retryableLog(logId);
  if (!log) throw new Error('no such log');
  return log;
};

describe('revisions that the receiver may hold', () => {
  /** A log each of whose attempts sends another body, and ends as given. */
  const triedLog = async (...ends: (keyof typeof ENDS)[]) => {
    const [first, ...rest] = ends;
    const logId = await endedLog(store, rule, first ?? 'REFUSED');
    for (const [index, end] of rest.entries()) {
      const revision = {
        body: '{}',
        sha256: `body ${index}`,
        contentType: 'application/json',
        configVersion: 1,
        objectsFrom: 'LOCAL',
        fallback: null,
      } as const;
      await store.queueRetry(await retryOf(store, logId, { body: { kind: 'BUILT', revision } }));
      await attemptEnds(store, end);
    }
    return logId;
  };
  const mayHold = async (logId: string) => (await read(logId)).mayHold;
  const resolve = (logId: string, resolution: 'delivered' | 'not_delivered') =>
    store.resolveLog({ logId, resolution, reason: 'asked them', actor: 'Anna', now: 6_000 });

  test.each([
    [['REFUSED'], []],
    [['NOT_SENT'], []],
    [['REFUSED_RETRYABLE'], []],
    [['UNKNOWN'], [1]],
    [['COMMITTED'], [1]],
    [['ACCEPTED'], [1]],
    [['UNKNOWN', 'REFUSED'], [1]],
    [
      ['REFUSED', 'UNKNOWN', 'NOT_SENT', 'COMMITTED', 'REFUSED'],
      [2, 4],
    ],
  ] as const)('after %j: %j', async (ends, revisions) => {
    expect(await mayHold(await triedLog(...ends))).toEqual(revisions);
  });

  test('are those of an attempt that is under way', async () => {
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    expect(await mayHold(task.logId)).toEqual([1]);
  });

  test('are not those of which a late report has told', async () => {
    const logId = await triedLog('COMMITTED', 'REFUSED');
    expect(await mayHold(logId)).toEqual([1]);
    await store.report(report(logId, { ...ENDS.REFUSED, attempt: 1, activityDate: 3_000 }));
    expect(await mayHold(logId)).toEqual([]);
  });

  test('are not those of which people have told, also when the next attempt has ended', async () => {
    const logId = await triedLog('UNKNOWN');
    await resolve(logId, 'not_delivered');
    expect(await mayHold(logId)).toEqual([]);
    await store.queueRetry(await retryOf(store, logId));
    await attemptEnds(store, 'REFUSED', 7_000);
    expect(await read(logId)).toMatchObject({ resolution: null, mayHold: [] });
  });

  test('are those in doubt since people have told', async () => {
    const logId = await triedLog('UNKNOWN');
    await resolve(logId, 'not_delivered');
    // Begun by a clock that was set back to before they did.
    await store.queueRetry(await retryOf(store, logId));
    await attemptEnds(store, 'UNKNOWN', 3_000);
    expect(await read(logId)).toMatchObject({ resolution: null, mayHold: [1] });
  });

  test('are those that people have said to have arrived', async () => {
    const logId = await triedLog('UNKNOWN');
    await resolve(logId, 'delivered');
    expect(await mayHold(logId)).toEqual([1]);
  });
});

describe('a newer one that was accepted', () => {
  const bill = (id: string): Reference => ({ kind: 'bill', id });
  const patient: Reference = { kind: 'patient', id: 'P1' };
  let events = 0;
  const about = (...objects: Reference[]): Partial<NewLog> => {
    const references: Reference[] = [{ kind: 'event', id: `e${++events}` }, ...objects];
    return { references };
  };

  test.each([
    ['of its ordering key', { orderingKey: 'K' }, { orderingKey: 'K' }, true],
    ['of another key', { orderingKey: 'K' }, { orderingKey: 'L' }, false],
    ['of its object', about(patient, bill('B1')), about(patient, bill('B1')), true],
    [
      'of another object of its patient',
      about(patient, bill('B1')),
      about(patient, bill('B2')),
      false,
    ],
    ['of its patient, where it is about that', about(patient), about(patient), true],
    ['about nothing', about(), about(), false],
  ] as const)('%s: %o, %o', async (_, older, newer, isOvertaken) => {
    const first = await endedLog(store, rule, 'REFUSED', older);
    const second = await endedLog(store, rule, 'ACCEPTED', newer);
    expect((await read(first)).overtakenBy).toBe(isOvertaken ? second : null);
    expect((await read(second)).overtakenBy).toBeNull();
  });

  test('counts only where it was accepted, and by the same integration', async () => {
    const other = await configure(store, { isRetryEnabled: false });
    const first = await endedLog(store, rule, 'REFUSED', about(bill('B1')));
    await endedLog(store, rule, 'UNKNOWN', about(bill('B1')));
    await endedLog(store, other, 'ACCEPTED', about(bill('B1')));
    expect((await read(first)).overtakenBy).toBeNull();
  });

  test('counts where people have said that it arrived', async () => {
    const first = await endedLog(store, rule, 'REFUSED', about(bill('B1')));
    const logId = await endedLog(store, rule, 'UNKNOWN', about(bill('B1')));
    const word = {
      resolution: 'delivered',
      reason: 'asked them',
      actor: 'Anna',
      now: 6_000,
    } as const;
    await store.resolveLog({ logId, ...word });
    expect((await read(first)).overtakenBy).toBe(logId);
  });

  test.each(['in the order in which they were made', 'the newest first', 'anyhow'])(
    'is the same for many that are read together as for each alone, %s',
    async (order) => {
      const logIds: string[] = [];
      const ends = ['REFUSED', 'ACCEPTED', 'REFUSED', 'UNKNOWN', 'ACCEPTED', 'REFUSED'] as const;
      for (const [at, end] of [...ends, ...ends].entries()) {
        const key = at % 4 === 3 ? {} : { orderingKey: at % 3 === 0 ? 'K' : 'L' };
        const log = { ...about(bill(at % 2 === 0 ? 'B1' : 'B2')), ...key };
        logIds.push(await endedLog(store, rule, end, log));
      }
      const asked =
        order === 'anyhow'
          ? [5, 11, 2, 8, 0, 7, 1, 10, 3, 9, 4, 6].map((at) => logIds[at] ?? '')
          : order === 'the newest first'
            ? logIds.toReversed()
            : logIds;
      const alone = await Promise.all(asked.map(async (logId) => (await read(logId)).overtakenBy));
      const together = await store.retryableLogs(asked);
      expect(together.map(({ overtakenBy }) => overtakenBy)).toEqual(alone);
      expect(new Set(alone).size).toBeGreaterThan(3);
    },
  );

  test('is looked for by index', async () => {
    await endedLog(store, rule, 'REFUSED', { ...about(bill('B1')), orderingKey: 'K' });
    const db = new Database(store.file);
    const prepared: string[] = [];
    const spied = Object.create(db, {
      prepare: {
        value: (sql: string) => {
          prepared.push(sql);
          return db.prepare(sql);
        },
      },
    }) as typeof db;
    createReadRetryable(spied);
    const values = { integration: rule, key: 'K', kind: 'bill', id: 'B1', logSeq: 1, last: 9 };
    const plans = prepared
      .filter((sql) => sql.includes('@logSeq'))
      .map((sql) => db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(values))
      .map((steps) => (steps as { detail: string }[]).map(({ detail }) => detail).join('; '));
    db.close();
    expect(plans).toHaveLength(2);
    expect(plans[0]).toMatch(
      /SEARCH log USING INDEX log_of_key \(lab_integration_id=\? AND ordering_key=\? AND log_seq>\? AND log_seq<\?\)/,
    );
    expect(plans[1]).toMatch(
      /SEARCH log_reference USING (COVERING )?(PRIMARY KEY|INDEX \w+) \(id=\? AND kind=\? AND log_seq>\? AND log_seq<\?\)/,
    );
    expect(plans[1]).toMatch(/SEARCH l USING INTEGER PRIMARY KEY/);
    expect(plans.join()).not.toMatch(/SCAN (log|l|log_reference)\b|TEMP B-TREE/);
  });
});
