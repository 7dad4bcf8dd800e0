import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LOGS_BY_ID } from '../../src/main/store/log-states.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, settleAs, stampNext, UNREACHED } from './samples.ts';

let store: ReturnType<typeof openLocalStore>;
let rule: number;

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
});
afterEach(() => store.close());

test('how logs stand is told as their documents tell it, what they wait for included', async () => {
  const key = { orderingKey: 'A-1' };
  const deliveries = [delivery(rule, key), delivery(rule, key), delivery(rule)];
  const ids = deliveries.map(({ log }) => log.logId);
  await store.acceptEvent(event(deliveries));
  const { task } = await stampNext(store);
  await settleAs(store, task, UNREACHED);
  const states = await store.logStates([...ids, 'unknown']);
  expect(states.map(({ logId }) => logId).toSorted()).toEqual(ids.toSorted());
  for (const { attempt, ...state } of states) {
    const log = await store.getLog(state.logId);
    expect(log).toMatchObject(state);
    expect(log?.attempts.length).toBe(attempt);
  }
  // The head waits for its endpoint, what follows it for the head.
  expect(new Set(states.map(({ heldReason }) => heldReason))).toEqual(
    new Set(['ENDPOINT_DOWN', 'BEHIND_HEAD']),
  );
});

test('logs by their ids are what searches find', async () => {
  const deliveries = [delivery(rule), delivery(rule)];
  await store.acceptEvent(event(deliveries));
  const found = await store.logSummaries(deliveries.map(({ log }) => log.logId));
  expect(found).toHaveLength(2);
  for (const summary of found) expect(await store.getLog(summary.logId)).toMatchObject(summary);
});

test('however many are asked for, each is one search by its id', () => {
  const db = new Database(':memory:');
  for (const { sql } of MIGRATIONS) db.exec(sql);
  const plan = db.prepare<[string], { detail: string }>(`EXPLAIN QUERY PLAN ${LOGS_BY_ID}`);
  expect(plan.all('[]').map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^SCAN wanted/),
    expect.stringMatching(/^SEARCH log USING INDEX \S+ \(log_id=\?\)$/),
  ]);
  db.close();
});
