import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVERY_LOG, type LogSearch } from '../../../src/shared/model/search.ts';
import { inboundCall } from '../../store/calls.ts';
import { BROKEN, type Bulking, bulking, GOOD, REFUSED } from './bulking.ts';

let room: Bulking;
let logIds: string[];

beforeAll(async () => {
  room = await bulking();
  const rule = await room.addRule();
  const other = await room.addRule();
  const bill = { references: [{ kind: 'bill', id: 'B7' }] };
  logIds = [
    ...(await room.fail(rule, 3, REFUSED, { eventId: 'event-1', priority: 'STAT' })),
    ...(await room.fail(other, 3, BROKEN, { batchId: 'batch-1', triggeredBy: 'call-1' })),
    ...(await room.fail(rule, 3, GOOD, bill)),
    ...(await room.fail(other, 3, { ...BROKEN, errorKind: 'TIMEOUT', responseStatusCode: null })),
    ...(await room.fail(rule, 2, { status: 'SUPPRESSED', certainty: 'ACCEPTED' })),
  ];
  // A call into the lab, which no filter may bring in.
  await room.store.keepCall(inboundCall({ labId: 1, arrivedAt: 3 }));
  while ((await room.store.indexText(1_000)) > 0);
});
afterAll(() => room.close());

const FILTERS: [string, (rule: number) => Partial<LogSearch>, number][] = [
  ['a status', () => ({ status: ['FAIL'] }), 9],
  ['several statuses', () => ({ status: ['FAIL', 'SUCCESS', 'SUPPRESSED'] }), 14],
  ['a certainty', () => ({ certainty: ['UNKNOWN'] }), 6],
  ['a retry state', () => ({ retryState: ['NONE'] }), 12],
  ['a lab', () => ({ labId: 1 }), 12],
  ['an integration', (rule) => ({ labIntegrationId: rule }), 6],
  ['an action category', () => ({ actionCategory: 'BILL_GENERATED' }), 12],
  ['a batch', () => ({ batchId: 'batch-1' }), 3],
  ['an event', () => ({ eventId: 'event-1' }), 3],
  ['the call that fired them', () => ({ triggeredBy: 'call-1' }), 3],
  ['an object', () => ({ reference: { kind: 'bill', id: 'B7' } }), 3],
  ['a status code', () => ({ responseStatusCode: 500 }), 3],
  ['an error', () => ({ errorKind: 'TIMEOUT' }), 3],
  ['a priority', () => ({ priority: 'STAT' }), 3],
  ['a time', () => ({ from: 2, to: 6 }), 4],
  ['words', () => ({ text: 'fine' }), 12],
  ['words and a status', () => ({ text: 'fine', status: ['FAIL'] }), 9],
  ['what is suppressed too', () => ({ labId: 1, includeSuppressed: true }), 14],
  ['nobody', () => ({ controlId: 'none' }), 0],
];

test.each(FILTERS)('%s finds what a search finds, the oldest first', async (_, filter, count) => {
  const log = await room.store.retryableLog(logIds[0] ?? '');
  const search = filter(log?.labIntegrationId ?? 0);
  const bulk = await room.until(await room.plan(search), 'PLANNED');
  const page = await room.store.searchLogs({ ...EVERY_LOG, ...search, direction: 'OUTBOUND' });
  const found = (await room.items(bulk)).map(({ logId }) => logId);
  expect(found).toEqual(page.items.map(({ logId }) => logId).toReversed());
  expect(found).toHaveLength(count);
});

test('the last characters of a log_id find that log', async () => {
  const [logId = ''] = logIds;
  const bulk = await room.until(await room.plan({ logId: logId.slice(-8) }), 'PLANNED');
  expect((await room.items(bulk)).map((item) => item.logId)).toEqual([logId]);
});

test('what was created after it was asked for was not meant', async () => {
  await room.stopRunner();
  const bulk = await room.plan({ labId: 1, from: 1 });
  const [late = ''] = await room.fail(1, 1, REFUSED, { createdAt: 100 });
  await room.restart();
  const planned = await room.until(bulk, 'PLANNED');
  expect(planned.total).toBe(12);
  expect((await room.items(planned)).map(({ logId }) => logId)).not.toContain(late);
});
