import { afterEach, beforeEach, expect, test } from 'vitest';
import { logHandlers } from '../../src/main/bridge/procedures/logs.ts';
import { orderingHandlers } from '../../src/main/bridge/procedures/ordering.ts';
import { Directory } from '../../src/main/engine/directory/directory.ts';
import { OrderingKeys } from '../../src/main/engine/queue/ordering-keys.ts';
import { type OpenStore, openLocalStore } from '../store/local-store.ts';
import { configure, delivery, event, report, stampNext } from '../store/samples.ts';
import { caller } from './calling.ts';

let store: OpenStore;
let released: number;
let head: string;
let follower: string;
let call: ReturnType<typeof handlers>;

function handlers() {
  const onReleased = () => void released++;
  return caller({
    ...orderingHandlers(new OrderingKeys({ store, clock: () => 4_000, onReleased })),
    ...logHandlers(new Directory(store)),
  });
}

beforeEach(async () => {
  store = openLocalStore();
  released = 0;
  call = handlers();
  const rule = await configure(store, { onRefused: 'hold' });
  const two = [0, 1].map(() => delivery(rule, { orderingKey: 'ACC-1' }));
  await store.acceptEvent(event(two));
  [head = '', follower = ''] = two.map(({ log }) => log.logId);
  const { task } = await stampNext(store);
  const outcome = report(head, { status: 'FAIL', certainty: 'REFUSED' });
  await store.settle({ taskId: task.taskId, report: outcome, reportOverHttp: null });
});
afterEach(() => store.close());

test('a follower’s document names its head and why it waits', async () => {
  expect(await call('getLog', { log_id: follower })).toMatchObject({
    held_reason: 'HEAD_REFUSED',
    waits_for: head,
  });
  const { items } = await call('searchLogs', {});
  expect(items.map(({ log_id, waits_for }) => [log_id, waits_for])).toContainEqual([
    follower,
    head,
  ]);
});

test('a held key is released once, by whoever gives a reason, and the dispatcher is woken', async () => {
  const input = { log_id: follower.toUpperCase(), reason: '  partner has mended it ' };
  expect(await call('releaseOrderingKey', input)).toEqual({ log_id: head, waiting: 1 });
  expect(released).toBe(1);
  const log = await call('getLog', { log_id: head });
  expect(log.activity).toMatchObject([
    { actor: 'Anna', kind: 'KEY_RELEASED', note: 'partner has mended it' },
  ]);
  expect(await call('getLog', { log_id: follower })).toMatchObject({
    held_reason: null,
    waits_for: null,
  });
  await expect(call('releaseOrderingKey', input)).rejects.toMatchObject({
    code: 'ALREADY_DONE',
    errors: [{ field: 'log_id' }],
  });
  expect(released).toBe(1);
});

test('what is not known, and a reason that is none, are refused', async () => {
  await expect(
    call('releaseOrderingKey', { log_id: 'none', reason: 'because' }),
  ).rejects.toMatchObject({ code: 'UNKNOWN_LOG', errors: [{ field: 'log_id' }] });
  await expect(call('releaseOrderingKey', { log_id: head, reason: ' x ' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    errors: [{ field: 'reason' }],
  });
});
