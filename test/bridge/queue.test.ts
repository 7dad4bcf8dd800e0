import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { queueHandlers } from '../../src/main/bridge/procedures/queue.ts';
import { FailedTasks } from '../../src/main/engine/queue/failed-tasks.ts';
import { type OpenStore, openLocalStore } from '../store/local-store.ts';
import { configure, delivery, event, stampNext } from '../store/samples.ts';
import { caller } from './calling.ts';

let store: OpenStore;
let rule: number;
let queued: number;
let call: ReturnType<typeof handlers>;

function handlers() {
  const onQueued = () => void queued++;
  return caller(queueHandlers(new FailedTasks({ store, clock: () => 4_000, onQueued })));
}

beforeEach(async () => {
  store = openLocalStore();
  rule = await configure(store);
  queued = 0;
  call = handlers();
});
afterEach(() => store.close());

/** Deliveries whose tasks died. @returns their log ids */
async function dead(count: number, stamped = true): Promise<string[]> {
  const logIds: string[] = [];
  for (let number = 0; number < count; number++) {
    const one = delivery(rule);
    await store.acceptEvent(event([one]));
    const taskId = stamped
      ? (await stampNext(store)).task.taskId
      : ((await store.claim({ worker: 'w', limit: 1, leaseUntil: 9e12, now: 0 }))[0]?.taskId ?? 0);
    const death = { cause: 'EXCEPTION', errorMessage: 'it broke', at: 3_000 } as const;
    await store.bury({ taskId, stamped, ...death });
    logIds.push(one.log.logId);
  }
  return logIds;
}

describe('listFailedTasks', () => {
  test('tells which task died, of what, and whether the receiver may have it', async () => {
    const [logId] = await dead(1);
    expect(await call('listFailedTasks', {})).toEqual({
      items: [
        {
          failed_task_id: 1,
          log_id: logId,
          attempt: 1,
          lab_id: 1,
          lab_integration_id: rule,
          action_category: 'BILL_GENERATED',
          cause: 'EXCEPTION',
          error_message: 'it broke',
          certainty: 'UNKNOWN',
          failed_at: '1970-01-01T00:00:03.000Z',
          requeued_at: null,
          requeue_reason: null,
        },
      ],
      next_cursor: null,
    });
  });

  test('tells of one that nothing was sent of that it has no attempt', async () => {
    await dead(1, false);
    const { items } = await call('listFailedTasks', {});
    expect(items).toMatchObject([{ attempt: null, certainty: 'NOT_SENT' }]);
  });

  test.each([1, 2, 3, 7])('gives all of them, newest first, in pages of %i', async (limit) => {
    const logIds = await dead(7);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await call('listFailedTasks', { limit, cursor });
      seen.push(...page.items.map(({ log_id }) => log_id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(logIds.toReversed());
  });

  test('leaves out what was queued once more, unless it is asked for', async () => {
    const [, logId] = await dead(2);
    await call('requeueFailedTask', { failed_task_id: 1, reason: 'asked the partner' });
    expect((await call('listFailedTasks', {})).items).toMatchObject([{ log_id: logId }]);
    const { items } = await call('listFailedTasks', { include_requeued: true });
    expect(items).toMatchObject([
      { failed_task_id: 2, requeued_at: null },
      {
        failed_task_id: 1,
        requeued_at: '1970-01-01T00:00:04.000Z',
        requeue_reason: 'asked the partner',
      },
    ]);
  });

  test.each(['x', '1.5', '-1', '1e3', ' 1'])('refuses the cursor %j', async (cursor) => {
    await expect(call('listFailedTasks', { cursor })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'cursor' }],
    });
  });
});

describe('requeueFailedTask', () => {
  test('queues the stored bytes once more and wakes the dispatcher', async () => {
    const [logId] = await dead(1);
    const input = { failed_task_id: 1, reason: '  asked the partner ' };
    expect(await call('requeueFailedTask', input)).toEqual({ log_id: logId });
    expect(queued).toBe(1);
    const { task } = await stampNext(store);
    expect(task).toMatchObject({ logId, kind: 'MANUAL', attempt: 2, body: '{"a":1}' });
    expect((await store.getLog(logId ?? ''))?.activity).toMatchObject([
      { actor: 'Anna', kind: 'REQUEUED', note: 'asked the partner' },
    ]);
  });

  test('needs a reason where the receiver may hold the message, and none where it cannot', async () => {
    await dead(1);
    await expect(call('requeueFailedTask', { failed_task_id: 1 })).rejects.toMatchObject({
      code: 'REASON_NEEDED',
      errors: [{ field: 'reason' }],
    });
    const [unsent] = await dead(1, false);
    expect(await call('requeueFailedTask', { failed_task_id: 2 })).toEqual({ log_id: unsent });
  });

  test('refuses what is queued already, what is under way, and what there is not', async () => {
    await dead(1);
    const again = { failed_task_id: 1, reason: 'once more' };
    await call('requeueFailedTask', again);
    await expect(call('requeueFailedTask', again)).rejects.toMatchObject({
      code: 'ALREADY_DONE',
      errors: [{ field: 'failed_task_id' }],
    });
    // It dies a second time, and the first entry does not come back to life.
    const { task } = await stampNext(store);
    const death = { cause: 'TIMEOUT', errorMessage: 'it hung', stamped: true, at: 5_000 } as const;
    await store.bury({ taskId: task.taskId, ...death });
    await expect(call('requeueFailedTask', again)).rejects.toMatchObject({ code: 'ALREADY_DONE' });
    await expect(
      call('requeueFailedTask', { failed_task_id: 99, reason: 'why not' }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', errors: [{ field: 'failed_task_id' }] });
    expect(queued).toBe(1);
  });

  test('refuses a reason that is none', async () => {
    await dead(1);
    for (const reason of ['', '  ', 'x']) {
      await expect(call('requeueFailedTask', { failed_task_id: 1, reason })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        errors: [{ field: 'reason' }],
      });
    }
  });
});
