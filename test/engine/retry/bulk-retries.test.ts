import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BulkRetryRecord } from '../../../src/shared/model/bulk-retry.ts';
import { retryOf } from '../../store/retrying.ts';
import { UNREACHED } from '../../store/samples.ts';
import { BROKEN, type Bulking, bulking, GOOD, REFUSED } from './bulking.ts';

let room: Bulking;
let rule: number;
beforeEach(async () => {
  room = await bulking();
  rule = await room.addRule();
});
afterEach(() => room.close());

/** A plan of logs that were refused, ready to be started. */
async function planned(
  count: number,
  options: Parameters<Bulking['plan']>[1] = {},
): Promise<{ bulk: BulkRetryRecord; logIds: string[] }> {
  const logIds = await room.fail(rule, count);
  const bulk = await room.until(await room.plan(logIds, options), 'PLANNED');
  return { bulk, logIds };
}

describe('a plan', () => {
  test('counts by certainty, integration and refusal, and sends nothing', async () => {
    const other = await room.addRule();
    const refused = await room.fail(rule, 3);
    const unknown = await room.fail(other, 2, BROKEN);
    const accepted = await room.fail(rule, 1, GOOD);
    const logIds = [...refused, ...unknown, ...accepted];
    const bulk = await room.until(await room.plan(logIds, {}, null), 'PLANNED');
    expect(bulk.plan).toEqual({
      total: 6,
      refused: 3,
      byCertainty: expect.arrayContaining([
        { certainty: 'REFUSED', total: 3, refused: 0 },
        { certainty: 'UNKNOWN', total: 2, refused: 2 },
        { certainty: 'ACCEPTED', total: 1, refused: 1 },
      ]),
      byIntegration: expect.arrayContaining([
        { labIntegrationId: rule, total: 4, refused: 1 },
        { labIntegrationId: other, total: 2, refused: 2 },
      ]),
      refusedBy: expect.arrayContaining([
        { verdict: 'MAY_HOLD', count: 2 },
        { verdict: 'ACCEPTED', count: 1 },
      ]),
    });
    expect(room.sent).toEqual([]);
  });

  test('has its logs in the order in which they were created, whatever the order of the ids', async () => {
    const logIds = await room.fail(rule, 5);
    const bulk = await room.until(await room.plan(logIds.toReversed()), 'PLANNED');
    const items = await room.items(bulk);
    expect(items.map(({ position, logId }) => [position, logId])).toEqual(
      logIds.map((logId, index) => [index + 1, logId]),
    );
  });

  test('names an id that is none, and keeps nothing', async () => {
    const [logId = ''] = await room.fail(rule, 1);
    await expect(room.plan([logId, 'no-log'])).rejects.toMatchObject({
      code: 'UNKNOWN_LOG',
      errors: [{ field: 'log_ids.1' }],
    });
    expect(await room.retries.list({ beforeSeq: null, limit: 10 })).toEqual([]);
  });

  test('takes an id once that is named twice, in whatever letters', async () => {
    const [logId = ''] = await room.fail(rule, 1);
    const bulk = await room.plan([logId, logId.toUpperCase()]);
    expect((await room.until(bulk, 'PLANNED')).total).toBe(1);
  });

  test('of a filter has what is there when it is asked for, in many pages', async () => {
    const logIds = await room.fail(rule, 450);
    await room.fail(rule, 3, GOOD);
    const bulk = await room.plan({ status: ['FAIL'] });
    await room.until(bulk, 'PLANNED');
    expect((await room.items(bulk)).map(({ logId }) => logId)).toEqual(logIds);
  });

  test('of a filter has also what was made before the clock was set back', async () => {
    const createdAt = Date.now() + 3_600_000;
    const [before = ''] = await room.fail(rule, 1, REFUSED, { createdAt });
    const bulk = await room.until(await room.plan({ status: ['FAIL'] }), 'PLANNED');
    expect((await room.items(bulk)).map(({ logId }) => logId)).toEqual([before]);
  });

  test('of a filter leaves out calls into the lab and what is suppressed, unless it is asked for', async () => {
    await room.fail(rule, 2);
    const suppressed = { status: 'SUPPRESSED', certainty: 'ACCEPTED' } as const;
    await room.fail(rule, 3, suppressed);
    const without = await room.until(await room.plan({ labId: 1 }), 'PLANNED');
    expect(without.total).toBe(2);
    const all = await room.plan({ labId: 1, includeSuppressed: true });
    expect((await room.until(all, 'PLANNED')).total).toBe(5);
  });

  test('refuses what is under way, by that word', async () => {
    const logIds = await room.fail(rule, 2);
    room.answer = () => null;
    const first = await room.until(await room.plan(logIds, { hasCanary: false }), 'PLANNED');
    await room.act(first, 'start');
    await vi.waitFor(async () => expect((await room.read(first)).counts.queued).toBe(2));
    const second = await room.until(await room.plan(logIds), 'PLANNED');
    expect(second.plan?.refusedBy).toEqual([{ verdict: 'UNDER_WAY', count: 2 }]);
  });

  test('of a disabled integration has nothing to send', async () => {
    room.isActive = false;
    const { bulk } = await planned(2);
    expect(bulk.plan?.refusedBy).toEqual([{ verdict: 'DISABLED', count: 2 }]);
  });

  test('starts by itself where that was wished, but not with some of it left out for want of a reason', async () => {
    const refused = await room.fail(rule, 2);
    const unknown = await room.fail(rule, 2, BROKEN);
    const options = { startsByItself: true };
    await room.until(await room.plan(refused, options, null), 'DONE');
    const held = await room.plan(unknown, options, null);
    await room.until(held, 'PLANNED');
    const covered = await room.until(await room.plan(unknown, options, 'asked them'), 'DONE');
    expect(covered).toMatchObject({ startedBy: 'Asha', counts: { succeeded: 2 } });
    expect((await room.read(held)).state).toBe('PLANNED');
  });
});

describe('the canary', () => {
  test('goes first, one of each integration; the others wait for its verdict', async () => {
    const other = await room.addRule();
    const [first, ...rest] = await room.fail(rule, 4);
    const [alien, ...aliens] = await room.fail(other, 3);
    const all = [first, ...rest, alien, ...aliens] as string[];
    room.answer = (logId) => (logId === alien ? null : GOOD);
    const bulk = await room.until(await room.plan(all), 'PLANNED');
    await room.act(bulk, 'start');
    // The other integration's is not through yet: nothing else of that is sent.
    await vi.waitFor(() => expect(room.sent).toHaveLength(4));
    expect(new Set(room.sent)).toEqual(new Set([first, ...rest]));
    expect((await room.read(bulk)).state).toBe('CANARY');
    room.answer = () => GOOD;
    await room.deliver();
    await room.until(bulk, 'DONE');
    expect(room.sent).toHaveLength(7);
    expect((await room.retries.canaries(await room.read(bulk))).map(({ logId }) => logId)).toEqual([
      first,
      alien,
    ]);
  });

  test('that fails stops all, and nothing else is sent', async () => {
    const { bulk, logIds } = await planned(120);
    room.answer = () => BROKEN;
    await room.act(bulk, 'start');
    const stopped = await room.until(bulk, 'STOPPED');
    expect(room.sent).toEqual([logIds[0]]);
    expect(stopped).toMatchObject({
      stop: { why: 'CANARY_FAILED', failureClass: 'HTTP_STATUS 500', count: 1, by: null },
      counts: { failed: 1, waiting: 119, queued: 0 },
    });
    expect(room.stops).toHaveLength(1);
  });

  test('that was refused goes again after a resume, and with it all of them arrive', async () => {
    const { bulk, logIds } = await planned(4);
    room.answer = () => REFUSED;
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    room.answer = () => GOOD;
    await room.act(bulk, 'resume');
    const done = await room.until(bulk, 'DONE');
    expect(room.sent).toEqual([logIds[0], ...logIds]);
    expect(done.counts).toMatchObject({ succeeded: 4, failed: 0, byFailureClass: [] });
  });

  test('that has not reached its endpoint goes again, in the place of what waits for that', async () => {
    const { bulk, logIds } = await planned(3);
    room.answer = () => UNREACHED;
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    room.answer = () => GOOD;
    room.ahead = 60_000;
    await room.act(bulk, 'resume');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ succeeded: 3, failed: 0 });
    expect(room.sent.filter((logId) => logId === logIds[0])).toHaveLength(2);
  });

  test('that could not be built is built again after a resume', async () => {
    const { bulk } = await planned(3);
    room.prepared = () => ({ outcome: 'IMPOSSIBLE', why: 'MAPPING_FAILED', message: 'it fails' });
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    room.prepared = () => null;
    await room.act(bulk, 'resume');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ succeeded: 3, skipped: 0 });
  });

  test('that may have arrived stays failed after a resume: another one goes, and the rest', async () => {
    const { bulk, logIds } = await planned(4);
    room.answer = () => BROKEN;
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    room.answer = () => GOOD;
    await room.act(bulk, 'resume');
    const done = await room.until(bulk, 'DONE');
    expect(room.sent).toEqual(logIds);
    expect(done.counts).toMatchObject({ succeeded: 3, failed: 1 });
  });

  test('in doubt of which people say that it has not arrived goes again', async () => {
    const { bulk, logIds } = await planned(3);
    room.answer = () => BROKEN;
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    await room.store.resolveLog({
      logId: logIds[0] ?? '',
      resolution: 'not_delivered',
      reason: 'they have none',
      actor: 'Asha',
      now: Date.now(),
    });
    room.answer = () => GOOD;
    await room.act(bulk, 'resume');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ succeeded: 3, failed: 0 });
  });

  test('that somebody else has sent since is not sent again', async () => {
    const { bulk, logIds } = await planned(3);
    room.answer = () => REFUSED;
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    room.answer = () => GOOD;
    await room.store.queueRetry(await retryOf(room.store, logIds[0] ?? ''));
    await room.deliver();
    room.sent.length = 0;
    await room.act(bulk, 'resume');
    await room.until(bulk, 'DONE');
    expect(room.sent).toEqual(logIds.slice(1));
  });

  test('whose endpoint is not reached has failed', async () => {
    const { bulk } = await planned(3);
    room.answer = () => UNREACHED;
    await room.act(bulk, 'start');
    expect((await room.until(bulk, 'STOPPED')).stop).toMatchObject({ failureClass: 'CONNECT' });
  });

  test('does not wait for ever behind an endpoint that is down', async () => {
    const { bulk } = await planned(3);
    room.answer = () => UNREACHED;
    await room.fail(rule, 1, UNREACHED);
    room.answer = () => null;
    await room.act(bulk, 'start');
    await vi.waitFor(async () => expect((await room.read(bulk)).counts.queued).toBe(1));
    expect((await room.read(bulk)).state).toBe('CANARY');
    room.ahead = 21_000;
    room.hurry(bulk);
    expect((await room.until(bulk, 'STOPPED')).stop).toMatchObject({
      why: 'CANARY_FAILED',
      failureClass: 'ENDPOINT_DOWN',
    });
    // Resumed, it waits as long again.
    await room.act(bulk, 'resume');
    room.ahead = 40_000;
    room.hurry(bulk);
    await room.until(bulk, 'CANARY');
    room.answer = () => GOOD;
    await room.deliver();
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ succeeded: 3, failed: 0 });
  });

  test('that cannot be built stops all where the others would meet the same', async () => {
    const { bulk } = await planned(3);
    room.prepared = () => ({ outcome: 'IMPOSSIBLE', why: 'MAPPING_FAILED', message: 'it fails' });
    await room.act(bulk, 'start');
    const stopped = await room.until(bulk, 'STOPPED');
    expect(stopped).toMatchObject({
      stop: { why: 'CANARY_FAILED', failureClass: 'MAPPING_FAILED' },
      counts: { skipped: 1, waiting: 2 },
    });
  });

  test('whose object is gone is no verdict: the next one goes', async () => {
    const { bulk, logIds } = await planned(3);
    room.prepared = (logId) =>
      logId === logIds[0] ? { outcome: 'IMPOSSIBLE', why: 'OBJECT_GONE', message: 'gone' } : null;
    await room.act(bulk, 'start');
    const done = await room.until(bulk, 'DONE');
    expect(done.counts).toMatchObject({ skipped: 1, succeeded: 2 });
    expect((await room.items(bulk)).map(({ verdict, isCanary }) => [verdict, isCanary])).toEqual([
      ['OBJECT_GONE', false],
      [null, true],
      [null, false],
    ]);
  });

  test('is left out where that was wished', async () => {
    const { bulk } = await planned(3, { hasCanary: false });
    expect((await room.act(bulk, 'start')).state).toBe('RUNNING');
    await room.until(bulk, 'DONE');
    expect(await room.retries.canaries(await room.read(bulk))).toEqual([]);
  });
});

describe('failures', () => {
  test('of one class stop it once there are so many, with the window left unsent', async () => {
    const { bulk } = await planned(150, { hasCanary: false, stopAfter: 20 });
    // Not such as the breaker opens for: what waits behind that fails no more.
    room.answer = () => REFUSED;
    await room.act(bulk, 'start');
    const stopped = await room.until(bulk, 'STOPPED');
    expect(stopped.stop).toMatchObject({ why: 'FAILURES', failureClass: 'HTTP_STATUS 400' });
    expect(stopped.stop?.count).toBeGreaterThanOrEqual(20);
    expect(stopped.counts.waiting).toBeGreaterThan(50);
    expect(room.stops).toHaveLength(1);
  });

  test('of several classes do not, while each is few', async () => {
    const { bulk } = await planned(28, { hasCanary: false, stopAfter: 10 });
    let n = 0;
    room.answer = () => ({ ...REFUSED, responseStatusCode: 400 + (n++ % 4) });
    await room.act(bulk, 'start');
    const done = await room.until(bulk, 'DONE');
    expect(done.counts.failed).toBe(28);
    expect(done.counts.byFailureClass).toHaveLength(4);
  });

  test('count anew after a resume', async () => {
    const { bulk } = await planned(60, { hasCanary: false, stopAfter: 5 });
    let left = 5;
    room.answer = () => (left-- > 0 ? BROKEN : GOOD);
    await room.act(bulk, 'start');
    await room.until(bulk, 'STOPPED');
    left = 4;
    await room.act(bulk, 'resume');
    const done = await room.until(bulk, 'DONE');
    expect(done.counts).toMatchObject({ failed: 9, succeeded: 51 });
    expect(done.acts.map(({ action, actor }) => [action, actor])).toEqual([
      ['start', 'Asha'],
      ['resume', 'Asha'],
    ]);
  });

  test('of our own making, a crash, neither stop it nor decide on a canary', async () => {
    const { bulk } = await planned(5, { stopAfter: 1 });
    let left = 2;
    const crash = { ...BROKEN, errorKind: 'CRASH', responseStatusCode: null } as const;
    room.answer = () => (left-- > 0 ? crash : GOOD);
    await room.act(bulk, 'start');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ failed: 2, succeeded: 3 });
  });

  test('of suppressed deliveries count by what the partner answered', async () => {
    const { bulk } = await planned(3, { hasCanary: false });
    room.answer = () => ({ status: 'SUPPRESSED', certainty: 'ACCEPTED', responseStatusCode: 209 });
    await room.act(bulk, 'start');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ succeeded: 3, failed: 0 });
  });

  test('to build one log leave the others alone', async () => {
    const { bulk, logIds } = await planned(5, { hasCanary: false });
    room.prepared = (logId) => (logId === logIds[2] ? new Error('broken') : null);
    await room.act(bulk, 'start');
    expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ skipped: 1, succeeded: 4 });
    expect(room.troubles).toEqual(['broken']);
  });
});

describe('a person', () => {
  test('pauses and resumes it: what was queued goes on, nothing else is queued', async () => {
    const { bulk, logIds } = await planned(200, { hasCanary: false });
    room.answer = () => null;
    await room.act(bulk, 'start');
    await vi.waitFor(async () => expect((await room.read(bulk)).counts.queued).toBe(50));
    await room.act(bulk, 'pause');
    room.answer = () => GOOD;
    await room.deliver();
    await vi.waitFor(async () => expect((await room.read(bulk)).counts.succeeded).toBe(50));
    expect(await room.read(bulk)).toMatchObject({
      state: 'PAUSED',
      stop: { why: 'BY_HAND', by: 'Asha' },
      counts: { waiting: 150 },
    });
    await room.act(bulk, 'resume');
    await room.until(bulk, 'DONE');
    expect(room.sent.toSorted()).toEqual(logIds.toSorted());
  });

  test('cancels it: what is queued and not sent is taken out, the rest is skipped', async () => {
    const { bulk, logIds } = await planned(700, { hasCanary: false });
    room.answer = () => null;
    await room.act(bulk, 'start');
    await vi.waitFor(async () => expect((await room.read(bulk)).counts.queued).toBe(50));
    await room.act(bulk, 'cancel');
    await vi.waitFor(async () => expect((await room.read(bulk)).endedAt).not.toBeNull());
    const cancelled = await room.read(bulk);
    expect(cancelled).toMatchObject({
      state: 'CANCELLED',
      counts: { skipped: 700, queued: 0, waiting: 0 },
    });
    room.answer = () => GOOD;
    await room.deliver();
    expect(room.sent).toEqual([]);
    const log = await room.store.getLog(logIds[0] ?? '');
    expect(log).toMatchObject({ status: 'FAIL', certainty: 'REFUSED', retryState: 'CANCELLED' });
    expect(log?.activity.map(({ kind, actor }) => [kind, actor])).toContainEqual([
      'CANCELLED',
      'Asha',
    ]);
  });

  test('cancels it while it is planned', async () => {
    const { bulk } = await planned(3);
    await room.act(bulk, 'cancel');
    await vi.waitFor(async () => expect((await room.read(bulk)).endedAt).not.toBeNull());
    await expect(room.act(bulk, 'start')).rejects.toMatchObject({ code: 'ALREADY_DONE' });
  });

  test('is refused a second start, also at the same moment', async () => {
    const { bulk } = await planned(20);
    const starts = await Promise.allSettled([
      room.act(bulk, 'start', 'Asha'),
      room.act(bulk, 'start', 'Ravi'),
    ]);
    expect(starts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((starts[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'ALREADY_DONE' });
    await room.until(bulk, 'DONE');
    expect(room.sent).toHaveLength(20);
    await expect(room.act(bulk, 'start')).rejects.toMatchObject({ code: 'ALREADY_DONE' });
  });

  test('is refused a start with another total than the plan has', async () => {
    const { bulk } = await planned(3);
    const order = { bulkRetryId: bulk.bulkRetryId, action: 'start', reason: null } as const;
    const stale = room.retries.control({ ...order, expectedTotal: 4 }, 'Asha');
    await expect(stale).rejects.toMatchObject({ code: 'STALE_WRITE' });
    await room.retries.control({ ...order, expectedTotal: 3 }, 'Asha');
    await room.until(bulk, 'DONE');
  });

  test('who takes a queued log out of the queue takes it out of the bulk retry', async () => {
    const { bulk, logIds } = await planned(2, { hasCanary: false });
    room.answer = () => null;
    await room.act(bulk, 'start');
    await vi.waitFor(async () => expect((await room.read(bulk)).counts.queued).toBe(2));
    const [logId = ''] = logIds;
    await room.store.cancelRetry({ logId, actor: 'Ravi', reason: 'no', now: Date.now() });
    room.answer = () => GOOD;
    await room.deliver();
    room.hurry(bulk);
    await room.until(bulk, 'DONE');
    expect((await room.items(bulk)).map(({ state, verdict }) => [state, verdict])).toEqual([
      ['SKIPPED', 'TAKEN_OUT'],
      ['DONE', null],
    ]);
  });
});

test('a log of two bulk retries is sent by one of them', async () => {
  const logIds = await room.fail(rule, 30);
  const options = { hasCanary: false };
  const both = [
    await room.until(await room.plan(logIds, options), 'PLANNED'),
    await room.until(await room.plan(logIds, options), 'PLANNED'),
  ] as const;
  room.answer = () => null;
  await room.act(both[0], 'start');
  await vi.waitFor(async () => expect((await room.read(both[0])).counts.queued).toBe(30));
  await room.act(both[1], 'start');
  expect((await room.until(both[1], 'DONE')).counts).toMatchObject({ skipped: 30, succeeded: 0 });
  room.answer = () => GOOD;
  await room.deliver();
  await room.until(both[0], 'DONE');
  expect(room.sent.toSorted()).toEqual(logIds.toSorted());
  const verdicts = (await room.items(both[1])).map(({ verdict }) => verdict);
  expect(new Set(verdicts)).toEqual(new Set(['UNDER_WAY']));
});

test('a log that its schedule would send later is sent now, in the place of that', async () => {
  const logIds = await room.fail(rule, 2);
  const [logId = ''] = logIds;
  const db = new Database(room.store.file);
  db.prepare(
    `INSERT INTO task (log_seq, lab_integration_id, state, priority, due_at, kind, attempt, revision)
     SELECT log_seq, lab_integration_id, 'SCHEDULED', 1, 9e12, 'AUTO', 2, 1 FROM log WHERE log_id = ?`,
  ).run(logId);
  db.close();
  const bulk = await room.until(await room.plan(logIds), 'PLANNED');
  expect(bulk.plan?.refused).toBe(0);
  await room.act(bulk, 'start');
  await room.until(bulk, 'DONE');
  expect(room.sent).toEqual(logIds);
  expect((await room.store.figures()).tasksByState).toEqual({});
  expect(await room.store.getLog(logId)).toMatchObject({ status: 'SUCCESS', nextRetryAt: null });
});

test('logs of one ordering key go in its order', async () => {
  const logIds = await room.fail(rule, 30, REFUSED, { orderingKey: 'accession 7' });
  const bulk = await room.until(await room.plan(logIds, { hasCanary: false }), 'PLANNED');
  await room.act(bulk, 'start');
  await room.until(bulk, 'DONE');
  expect(room.sent).toEqual(logIds);
});

test('with more integrations than the rate lets go at once, none is left out', async () => {
  const logIds = [];
  for (let n = 0; n < 12; n++) logIds.push(...(await room.fail(await room.addRule(), 2)));
  const bulk = await room.plan(logIds, { hasCanary: false, ratePerMinute: 600 });
  await room.act(await room.until(bulk, 'PLANNED'), 'start');
  const time = setInterval(() => {
    room.ahead += 1_000;
    room.hurry(bulk);
  }, 20);
  try {
    expect((await room.until(bulk, 'DONE')).counts.succeeded).toBe(24);
  } finally {
    clearInterval(time);
  }
});

test('a log that is refused unchanged is refused when it is built, and takes nobody’s place', async () => {
  const { bulk, logIds } = await planned(3);
  const log = await room.store.retryableLog(logIds[0] ?? '');
  if (!log) throw new Error('no log');
  const doubts = ['HANDED_ON', 'REFUSED_UNCHANGED'] as const;
  room.prepared = (logId) =>
    logId === log.logId
      ? { outcome: 'DOUBTED', log, terms: 'REASON', doubts: [...doubts], sentences: [] }
      : null;
  await room.act(bulk, 'start');
  expect((await room.until(bulk, 'DONE')).counts).toMatchObject({ refused: 1, succeeded: 2 });
  expect((await room.items(bulk))[0]).toMatchObject({
    state: 'REFUSED',
    verdict: 'REFUSED_UNCHANGED',
  });
});

describe('after a restart', () => {
  test('planning goes on behind the last page that is kept', async () => {
    await room.fail(rule, 450);
    await room.stopRunner();
    const bulk = await room.plan({ status: ['FAIL'] });
    expect(bulk.state).toBe('PLANNING');
    await room.restart();
    expect((await room.until(bulk, 'PLANNED')).total).toBe(450);
  });

  test.each(['PLANNED', 'PAUSED', 'STOPPED', 'CANCELLED', 'DONE'] as const)(
    'one that is %s stays so',
    async (state) => {
      const { bulk } = await planned(60, { hasCanary: false, stopAfter: 1 });
      if (state !== 'PLANNED') {
        room.answer = () => (state === 'STOPPED' ? BROKEN : state === 'DONE' ? GOOD : null);
        await room.act(bulk, 'start');
        const isQueued = state === 'PAUSED' || state === 'CANCELLED';
        if (isQueued) {
          await vi.waitFor(async () => expect((await room.read(bulk)).counts.queued).toBe(50));
        }
        if (state === 'PAUSED') await room.act(bulk, 'pause');
        if (state === 'CANCELLED') await room.act(bulk, 'cancel');
      }
      await room.until(bulk, state);
      await room.restart();
      const sent = room.sent.length;
      room.answer = () => GOOD;
      await room.deliver();
      const { queued } = (await room.read(bulk)).counts;
      expect((await room.read(bulk)).state).toBe(state);
      // What was queued is not called back by a pause; nothing else is sent.
      expect(room.sent.length - sent).toBeLessThanOrEqual(state === 'PAUSED' ? 50 : queued + 50);
      await room.until(bulk, state);
    },
  );

  test.each([true, false])('one that was under way goes on (canary: %s)', async (hasCanary) => {
    const { bulk, logIds } = await planned(120, { hasCanary });
    room.answer = () => null;
    await room.act(bulk, 'start');
    await vi.waitFor(async () => {
      expect((await room.read(bulk)).counts.queued).toBe(hasCanary ? 1 : 50);
    });
    await room.stopRunner();
    room.answer = () => GOOD;
    await room.deliver();
    await room.restart();
    await room.until(bulk, 'DONE');
    expect(room.sent.toSorted()).toEqual(logIds.toSorted());
  });
});

test('nothing is queued while the store refuses writes', async () => {
  const { bulk } = await planned(3, { hasCanary: false });
  room.isStoreRefusing = true;
  await room.act(bulk, 'start');
  await room.deliver();
  expect((await room.read(bulk)).counts.waiting).toBe(3);
  room.isStoreRefusing = false;
  room.hurry(bulk);
  await room.until(bulk, 'DONE');
});
