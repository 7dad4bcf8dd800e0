import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { failure } from '../../../src/main/engine/dispatch/transport.ts';
import { Breakers } from '../../../src/main/engine/queue/breakers.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';
import { PROBE_EVERY_MS } from '../../../src/shared/model/breaker.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
let rule: number;
let now: number;

const clock = () => now;
const open = () => set('open', 'partner moves house');
const close = () => set('closed', 'they have moved');
const set = (state: 'open' | 'closed', note: string) =>
  room.byHand.set({ labIntegrationId: rule, state, actor: 'Anna', note });
const waiting = async () => (await room.store.figures()).tasksByState['WAITING_FOR_ENDPOINT'] ?? 0;
const sentIs = (count: number) =>
  vi.waitFor(() => expect(room.transport.sent).toHaveLength(count), { timeout: 5_000 });

/** Something else is delivered meanwhile, so a claim has passed by what waits. */
async function othersGo(): Promise<void> {
  const other = await room.addRule({ endPoint: 'http://127.0.0.1:9/other' });
  const [logId = ''] = await room.queue(other, 1);
  room.dispatcher.notify();
  await vi.waitFor(() => expect(room.settled.map((one) => one.logId)).toContain(logId));
}

beforeEach(async () => {
  now = 1_800_000_000_000;
  room = await dispatching({ clock });
  rule = await room.addRule();
});
afterEach(() => room.close());

describe('opened by hand during traffic', () => {
  test('nothing more leaves once that is answered, and all leaves once it is closed', async () => {
    room.transport.script = null;
    const ids = await room.queue(rule, 50);
    await room.dispatcher.start();
    // What fills its concurrency is under way, as many again are held in memory.
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(8));
    expect(await open()).toMatchObject({ isChanged: true, breaker: { openReason: 'BY_HAND' } });
    const { length } = room.transport.sent;

    // Those under way end as they end: that neither closes it nor lets another go.
    room.transport.answerAll();
    room.transport.script = () => answered();
    await vi.waitFor(() => expect(room.settled).toHaveLength(length));
    await othersGo();
    expect(room.transport.sent).toHaveLength(length + 1);
    expect(await waiting()).toBe(50 - length);
    expect(await room.store.listBreakers()).toMatchObject([
      { openReason: 'BY_HAND', openedBy: 'Anna', openNote: 'partner moves house', probeAt: null },
    ]);
    expect(await room.store.getLog(ids.at(-1) ?? '')).toMatchObject({
      status: 'PENDING',
      heldReason: 'BREAKER_OPEN',
      heldNote: 'opened by hand by Anna: partner moves house',
      nextRetryAt: null,
    });

    expect(await close()).toMatchObject({ isChanged: true, breaker: { openReason: null } });
    await room.drained();
    expect(room.breakers).toEqual([
      {
        kind: 'OPENED',
        labIntegrationId: rule,
        failures: 0,
        reason: 'BY_HAND',
        by: { actor: 'Anna', note: 'partner moves house' },
      },
      {
        kind: 'CLOSED',
        labIntegrationId: rule,
        failures: 0,
        by: { actor: 'Anna', note: 'they have moved' },
      },
    ]);
  });

  test('what is stamped by then and not sent goes back into its place', async () => {
    await room.close();
    room = await dispatching({
      clock,
      wrap: (store) => ({
        stamp: async (request) => {
          const isOurs = await store.stamp(request);
          await open();
          return isOurs;
        },
      }),
    });
    rule = await room.addRule({ isRetryEnabled: false });
    const [logId = ''] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(async () => expect(await waiting()).toBe(1));
    expect(room.transport.sent).toHaveLength(0);
    const log = await room.store.getLog(logId);
    expect(log).toMatchObject({ retryCount: 0, attempts: [{ certainty: 'NOT_SENT' }] });
    expect(log?.attempts[0]?.errorMessage).toContain('opened by hand');
  });
});

describe('opened by hand', () => {
  test('no probe goes, whatever time passes and whatever is changed of the rule', async () => {
    room.transport.script = ({ url }) =>
      url.endsWith('/other') ? answered() : failure('CONNECT', 'refused', 1);
    await room.queue(rule, 3);
    await room.dispatcher.start();
    await vi.waitFor(async () => expect(await waiting()).toBe(3));
    await open();
    const { length } = room.transport.sent;
    now += 10 * PROBE_EVERY_MS;
    await room.change(rule, { endPoint: 'http://127.0.0.1:9/mended' });
    await othersGo();
    expect(room.transport.sent).toHaveLength(length + 1);
    expect(await room.store.nextDueAt({ now })).toBeNull();

    room.transport.script = () => answered();
    await close();
    await room.drained();
    await sentIs(length + 1 + 3);
  });

  test('is open after a restart', async () => {
    await open();
    await room.queue(rule, 2);
    await room.dispatcher.start();
    await othersGo();
    await room.dispatcher.stop();
    await room.byHand.load();
    expect(room.byHand.has(rule)).toBe(true);
    await room.dispatcher.start();
    await othersGo();
    expect(await waiting()).toBe(2);
  });

  test('once more changes nothing, nor does closing what is closed', async () => {
    expect(await close()).toMatchObject({ isChanged: false });
    await open();
    const again = await set('open', 'somebody else, later');
    expect(again).toMatchObject({
      isChanged: false,
      breaker: { openNote: 'partner moves house' },
    });
    await close();
    expect(await close()).toMatchObject({ isChanged: false, breaker: { failures: 0 } });
    expect(room.breakers).toHaveLength(2);
  });

  test('stays as it was where the store does not take it', async () => {
    const refused = new LabRelayError('STORE_UNAVAILABLE', 'full');
    let isDown = true;
    const breakers = new Breakers({
      store: {
        setBreaker: async (request) => {
          if (isDown) throw refused;
          return room.store.setBreaker(request);
        },
        listBreakers: () => room.store.listBreakers(),
      },
      clock,
      onChange: () => {},
      giveBack: async () => {},
    });
    const change = (state: 'open' | 'closed') =>
      breakers.set({ labIntegrationId: rule, state, actor: 'Anna', note: 'a reason' });
    await expect(change('open')).rejects.toBe(refused);
    expect(breakers.has(rule)).toBe(false);
    isDown = false;
    await change('open');
    isDown = true;
    await expect(change('closed')).rejects.toBe(refused);
    await expect(change('open')).rejects.toBe(refused);
    expect(breakers.has(rule)).toBe(true);
  });

  test('an integration that there is not is told', async () => {
    const request = { labIntegrationId: 99, state: 'open', actor: 'Anna', note: 'why' } as const;
    await expect(room.byHand.set(request)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ field: 'lab_integration_id' }],
    });
  });
});

test('what has opened by itself is the person’s who closes or opens it', async () => {
  room.transport.script = () => answered(503);
  rule = await room.addRule({ maxConcurrency: 1 });
  await room.queue(rule, 12);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.breakers.at(-1)).toMatchObject({ reason: 'BREAKER' }));
  await open();
  expect(await room.store.listBreakers()).toMatchObject([{ openReason: 'BY_HAND', failures: 10 }]);
  await close();
  room.transport.script = () => answered();
  await room.drained();
  expect(await room.store.listBreakers()).toEqual([]);
});
