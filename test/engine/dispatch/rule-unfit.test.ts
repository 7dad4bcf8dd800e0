import { afterEach, describe, expect, test, vi } from 'vitest';
import { failure } from '../../../src/main/engine/dispatch/transport.ts';
import { PROBE_EVERY_MS } from '../../../src/shared/model/breaker.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
/** What the room takes for now; real timers run, and find out what is due by this. */
let now = 1_800_000_000_000;
afterEach(() => room.close());
const clock = () => now;

const allWait = (count: number) =>
  vi.waitFor(
    async () =>
      expect((await room.store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: count }),
    10_000,
  );

describe('a rule that cannot be used as it is', () => {
  test('keeps what waits; mended, everything goes out, the first of it first', async () => {
    room = await dispatching({ clock });
    const rule = await room.addRule({ signing: true, maxConcurrency: 1 });
    const ids = await room.queue(rule, 15);
    await room.dispatcher.start();
    await allWait(15);
    expect(room.breakers).toEqual([
      { kind: 'OPENED', reason: 'RULE_UNFIT', labIntegrationId: rule, failures: 1 },
    ]);
    const [first = '', , third = ''] = ids;
    const tried = await room.store.getLog(first);
    expect(tried).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'CONFIGURATION',
      errorMessage: expect.stringContaining('signing_secret'),
      retryState: 'SCHEDULED',
      heldReason: 'RULE_UNFIT',
      nextRetryAt: now + PROBE_EVERY_MS,
    });
    expect(await room.store.getLog(third)).toMatchObject({
      status: 'PENDING',
      heldReason: 'RULE_UNFIT',
      attempts: [],
    });

    // Any save of the rule makes the probe due at once.
    await room.change(rule, { signing: false });
    room.dispatcher.notify();
    await room.drained();
    expect(room.transport.keys).toEqual(ids);
    expect(await room.store.getLog(first)).toMatchObject({ status: 'SUCCESS', heldReason: null });
    expect(room.breakers.at(-1)?.kind).toBe('CLOSED');
  });

  test('keeps what waits where its address is one that nothing is sent to', async () => {
    room = await dispatching({ clock });
    let isAllowed = false;
    room.transport.script = () =>
      isAllowed ? answered() : failure('TARGET_REFUSED', 'not on the list', 0);
    const rule = await room.addRule();
    await room.queue(rule, 20);
    await room.dispatcher.start();
    await allWait(20);
    isAllowed = true;
    now += PROBE_EVERY_MS;
    await room.drained();
    expect(room.breakers.map(({ kind }) => kind)).toEqual(['OPENED', 'CLOSED']);
  });
});

test('a message that does not fit fails alone: the others of its rule go on', async () => {
  room = await dispatching({ clock });
  const rule = await room.addRule({ method: 'GET' });
  const [unfit = ''] = await room.queue(rule, 1);
  room.sql(`UPDATE revision SET body = '{"a":{"deep":1}}'`);
  const [fit = ''] = await room.queue(rule, 1);
  await room.dispatcher.start();
  await room.drained();
  expect(await room.store.getLog(unfit)).toMatchObject({
    status: 'FAIL',
    certainty: 'NOT_SENT',
    errorKind: 'PAYLOAD',
    retryState: 'NONE',
  });
  expect(await room.store.getLog(fit)).toMatchObject({ status: 'SUCCESS' });
  expect(room.breakers).toEqual([]);
});
