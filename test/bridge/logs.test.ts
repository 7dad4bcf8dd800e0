import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logHandlers } from '../../src/main/bridge/procedures/logs.ts';
import { Directory } from '../../src/main/engine/directory/directory.ts';
import type { CallInput } from '../../src/shared/contract/index.ts';
import { type LogRecord, stampOf } from '../../src/shared/model/delivery.ts';
import { type OpenStore, openLocalStore } from '../store/local-store.ts';
import { manyLogs, TIMES } from '../store/many-logs.ts';
import { configure, delivery, event, report } from '../store/samples.ts';
import { anna, caller } from './calling.ts';

let store: OpenStore;
let logs: LogRecord[];
let call: ReturnType<typeof handlers>;

function handlers() {
  return caller(logHandlers(new Directory(store)));
}

beforeAll(async () => {
  ({ store, logs } = await manyLogs(60));
  // Some of them with an attempt, one with an outcome.
  for (const task of await store.claim({ worker: 'w', limit: 5, leaseUntil: 9e12, now: 0 })) {
    const stamp = stampOf(task, {
      configVersion: 1,
      endPoint: 'http://127.0.0.1:9/',
      requestMethod: 'POST',
      requestHeaders: { 'x-a': 'b' },
      startedAt: 2_000,
    });
    await store.stamp({ worker: 'w', stamp });
    if (stamp.attempt === 1 && task.priority === 'STAT') {
      await store.settle({ taskId: task.taskId, report: report(task.logId), reportOverHttp: null });
    }
  }
  logs = await Promise.all(logs.map(async ({ logId }) => (await store.getLog(logId)) as LogRecord));
  call = handlers();
});
afterAll(() => store.close());

describe('words in bodies, and patients', () => {
  test('are searched for by operators, not by viewers', async () => {
    const viewer = caller(logHandlers(new Directory(store)), { ...anna, role: 'viewer' });
    await expect(viewer('searchLogs', { text: 'rao' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      errors: [{ field: 'text' }],
    });
    await expect(call('searchLogs', { text: 'rao' })).resolves.toHaveProperty('items');
    const patient = { reference: { kind: 'patient' as const, id: 'P1' } };
    await expect(viewer('searchLogs', patient)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      errors: [{ field: 'reference.kind' }],
    });
    expect((await call('searchLogs', patient)).items.length).toBeGreaterThan(0);
  });
});

describe('getLogs', () => {
  test('gives those that exist, masked, as searchLogs lists them', async () => {
    const { items } = await call('searchLogs', { limit: 5 });
    const ids = items.map(({ log_id }) => log_id);
    const found = await call('getLogs', { log_ids: [...ids, 'no-such-log'] });
    expect(found.items).toHaveLength(5);
    expect(found.items).toEqual(expect.arrayContaining(items));
    expect(items[0]?.masked).toBe(true);
  });
});

describe('getLog', () => {
  test('gives every log as the contract’s document', async () => {
    for (const log of logs) {
      const document = await call('getLog', { log_id: log.logId });
      expect(document).toMatchObject({
        log_id: log.logId,
        status: log.status,
        lab_integration_id: log.labIntegrationId,
        masked: true,
        retry_context: { action_category: log.retryContext?.actionCategory },
        created_at: new Date(log.createdAt).toISOString(),
        revisions: [{ revision: 1, key: log.logId, reason: 'FIRST' }],
      });
      expect(document.attempts).toHaveLength(log.attempts.length);
    }
    expect(logs.some(({ attempts }) => attempts.length > 0)).toBe(true);
  });

  test('masks patients, and revealLog shows the log in clear', async () => {
    const log = logs.find(({ references }) => references.some(({ kind }) => kind === 'patient'));
    const log_id = log?.logId ?? '';
    const masked = await call('getLog', { log_id });
    expect(masked.references).toContainEqual({ kind: 'patient', id: '••••' });
    const clear = await call('revealLog', { log_id, reason: 'the partner asks' });
    expect(clear).toMatchObject({
      masked: false,
      references: log?.references,
      request_body: log?.requestBody,
      ordering_key: log?.orderingKey,
    });
  });

  test('takes an id in capitals, and says what to do about one that nobody knows', async () => {
    const log_id = logs[0]?.logId ?? '';
    expect(await call('getLog', { log_id: log_id.toUpperCase() })).toMatchObject({ log_id });
    await expect(call('getLog', { log_id: 'nobody' })).rejects.toMatchObject({
      code: 'UNKNOWN_LOG',
      errors: [{ field: 'log_id' }],
    });
  });
});

describe('resolveLog', () => {
  test('closes a log that is QUEUED, in the name of who did it', async () => {
    const log = logs.find(
      ({ direction, status }) => direction === 'OUTBOUND' && status === 'QUEUED',
    );
    const input = { log_id: log?.logId ?? '', resolution: 'delivered', reason: 'asked' } as const;
    expect(await call('resolveLog', input)).toMatchObject({
      status: 'SUCCESS',
      resolution: 'delivered',
      activity: [{ actor: 'Anna', kind: 'RESOLVED' }],
    });
    await expect(call('resolveLog', input)).rejects.toMatchObject({ code: 'ALREADY_DONE' });
  });

  test.each([
    ['OUTBOUND', 'SUCCESS', /only a log that is QUEUED/],
    ['OUTBOUND', 'PENDING', /still to be sent/],
    ['INBOUND', 'FAIL', /is a call into the lab/],
  ])('says why one that is %s and %s is not closed', async (direction, status, reason) => {
    const log_id =
      logs.find((log) => log.direction === direction && log.status === status)?.logId ?? '';
    await expect(
      call('resolveLog', { log_id, resolution: 'delivered', reason: 'asked' }),
    ).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'log_id', reason: expect.stringMatching(reason) }],
    });
  });
});

describe('searchLogs', () => {
  test('gives summaries that say what the documents say', async () => {
    const { items, next_cursor, total_estimate } = await call('searchLogs', {
      include_suppressed: true,
      limit: 200,
    });
    expect([items.length, next_cursor, total_estimate]).toEqual([logs.length, null, logs.length]);
    for (const item of items) {
      expect(await call('getLog', { log_id: item.log_id })).toMatchObject({ ...item });
    }
  });

  test('hands every filter on', async () => {
    const log = logs.find(
      (one) => one.batchId !== null && one.eventId !== null && one.status === 'FAIL',
    );
    if (!log) throw new Error('no such log');
    const { certainty, errorKind } = log;
    const input: CallInput<'searchLogs'> = {
      log_id: log.logId,
      status: [log.status],
      ...(certainty ? { certainty: [certainty] } : {}),
      retry_state: [log.retryState],
      direction: log.direction,
      lab_id: log.labId ?? 0,
      lab_integration_id: log.labIntegrationId ?? 0,
      action_category: log.actionCategory ?? '',
      batch_id: log.batchId ?? '',
      event_id: log.eventId ?? '',
      ...(log.controlId ? { control_id: log.controlId } : {}),
      reference: { kind: 'event', id: log.eventId ?? '' },
      ...(log.responseStatusCode ? { response_status_code: log.responseStatusCode } : {}),
      ...(errorKind ? { error_kind: errorKind } : {}),
      priority: log.priority,
      from: new Date(log.createdAt).toISOString(),
      to: '2026-11-23T10:00:00+01:00',
      text: 'note',
    };
    expect((await call('searchLogs', input)).items).toMatchObject([{ log_id: log.logId }]);

    // Each of them alone can keep the log from being found.
    const others: CallInput<'searchLogs'>[] = [
      { log_id: 'ffffffff' },
      { status: ['SUCCESS'] },
      { certainty: ['COMMITTED', 'ACCEPTED', 'NOT_SENT'].filter((one) => one !== certainty) as [] },
      { retry_state: [log.retryState === 'NONE' ? 'HELD' : 'NONE'] },
      { direction: log.direction === 'INBOUND' ? 'OUTBOUND' : 'INBOUND' },
      { lab_id: 99 },
      { lab_integration_id: 99 },
      { action_category: 'OTHER' },
      { batch_id: 'other' },
      { event_id: 'other' },
      { control_id: 'other' },
      { reference: { kind: 'bill', id: 'other' } },
      { response_status_code: 599 },
      { error_kind: errorKind === 'DNS' ? 'TLS' : 'DNS' },
      { priority: log.priority === 'STAT' ? 'ROUTINE' : 'STAT' },
      { from: new Date(log.createdAt + 1).toISOString() },
      { to: new Date(log.createdAt).toISOString() },
      { text: 'nowhere' },
    ];
    for (const other of others) {
      const { items } = await call('searchLogs', { ...input, ...other });
      expect([other, items]).toEqual([other, []]);
    }
  });

  test('leaves out what is suppressed unless it is asked for', async () => {
    const suppressed = logs.filter(({ status }) => status === 'SUPPRESSED').length;
    expect(suppressed).toBeGreaterThan(0);
    const { total_estimate } = await call('searchLogs', {});
    expect(total_estimate).toBe(logs.length - suppressed);
    const asked = await call('searchLogs', { status: ['SUPPRESSED'] });
    expect(asked.total_estimate).toBe(suppressed);
  });

  test('gives page after page by its cursor', async () => {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await call('searchLogs', { include_suppressed: true, limit: 7, cursor });
      for (const { log_id } of page.items) seen.add(log_id);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.size).toBe(logs.length);
  });

  test.each<[string, object, string]>([
    ['a cursor of another make', { cursor: 'x' }, 'cursor'],
    ['an id without a character', { log_id: '' }, 'log_id'],
    ['an id with a wildcard', { log_id: 'abcdef%' }, 'log_id'],
    ['a status that there is not', { status: ['DONE'] }, 'status.0'],
    ['no status at all', { status: [] }, 'status'],
    ['a time without a zone', { from: '2026-01-01T00:00:00' }, 'from'],
    ['a page too long', { limit: 201 }, 'limit'],
    ['a filter that there is not', { colour: 'red' }, 'colour'],
  ])('refuses %s, by name', async (_, input, field) => {
    await expect(call('searchLogs', input)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field }],
    });
  });

  test('has times of more than one log, so that the order within one was tried', () => {
    expect(logs.length).toBeGreaterThan(TIMES.length);
  });
});

test('a reference may be told by the number that the lab system has for it, as in events', async () => {
  const own = openLocalStore();
  try {
    const search = caller(logHandlers(new Directory(own)));
    const about = delivery(await configure(own), { references: [{ kind: 'bill', id: '4711' }] });
    await own.acceptEvent(event([about]));
    for (const id of [4711, '4711']) {
      const { items } = await search('searchLogs', { reference: { kind: 'bill', id } });
      expect(items.map(({ log_id }) => log_id)).toEqual([about.log.logId]);
    }
    await expect(
      search('searchLogs', { reference: { kind: 'bill', id: 47.11 } }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', errors: [{ field: 'reference.id' }] });
  } finally {
    await own.close();
  }
});
