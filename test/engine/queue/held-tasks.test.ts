import { afterEach, describe, expect, test, vi } from 'vitest';
import { HeldTasks } from '../../../src/main/engine/queue/held-tasks.ts';
import { failure } from '../../../src/main/engine/dispatch/transport.ts';
import type { HeldAction } from '../../../src/shared/model/held.ts';
import { type Dispatching, dispatching } from '../dispatch/dispatching.ts';
import { answered } from '../dispatch/scripted-transport.ts';

let room: Dispatching;
afterEach(() => room.close());

const states = async () => (await room.store.figures()).tasksByState;
const log = async (logId: string | undefined) => {
  const found = await room.store.getLog(logId ?? '');
  if (!found) throw new Error(`no log ${logId}`);
  return found;
};

/** A rule with deliveries that were held when it was switched off, the dispatcher running. */
async function heldRule(count: number, orderingKey: string | null = null) {
  room = await dispatching();
  const rule = await room.addRule();
  const logIds = await room.queue(rule, count, { orderingKey });
  await room.enable(rule, false);
  await room.dispatcher.start();
  await room.held.whenDone(rule);
  expect(await states()).toEqual({ HELD: count });
  return { rule, logIds };
}

describe('a rule that is switched off', () => {
  test('holds 500 that are queued, and none leaves', async () => {
    const { logIds } = await heldRule(500);
    room.dispatcher.notify();
    expect(room.transport.sent).toEqual([]);
    expect(await log(logIds[0])).toMatchObject({
      status: 'PENDING',
      retryState: 'HELD',
      heldReason: 'INTEGRATION_DISABLED',
    });
    expect(await room.store.waitingActions()).toEqual([]);
  });

  test('is noted in its own commit, so that nothing is claimed before all are held', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    await room.held.stop();
    await room.queue(rule, 3);
    await room.enable(rule, false);
    expect(await room.store.waitingActions()).toEqual([
      { labIntegrationId: rule, action: 'HOLD', actor: 'test' },
    ]);
    // What a restart finds is carried on.
    room.held.start();
    await room.held.whenDone(rule);
    expect(await states()).toEqual({ HELD: 3 });
    expect(await room.store.waitingActions()).toEqual([]);
  });

  test('notes nothing where nothing waits', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    await room.held.stop();
    await room.enable(rule, false);
    expect(await room.store.waitingActions()).toEqual([]);
  });

  test('holds in chunks, with other work between them', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    await room.queue(rule, 1_200);
    await room.held.stop();
    const chunks: number[] = [];
    const held = new HeldTasks({
      store: Object.create(room.store, {
        holdOpenTasks: {
          value: async (request: { labIntegrationId: number; limit: number }) => {
            const count = await room.store.holdOpenTasks(request);
            chunks.push(count);
            return count;
          },
        },
      }) as typeof room.store,
      configuration: room.lookup,
      rebuild: async () => ({ outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null }),
      clock: Date.now,
      onReleased: () => {},
      onTrouble: (what, message) => room.troubles.push(`${what}: ${message}`),
    });
    await room.enable(rule, false);
    held.start();
    await held.whenDone(rule);
    await held.stop();
    expect(chunks).toEqual([500, 500, 200]);
  });

  test('holds also what is queued once more, and what was not sent since it was switched off', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    let release = () => {};
    room.transport.script = () =>
      new Promise((resolve) => {
        release = () => resolve(failure('CONNECT', 'refused', 1));
      });
    const [logId] = await room.queue(rule, 1);
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    await room.enable(rule, false);
    await room.held.whenDone(rule);
    release();
    await vi.waitFor(async () => expect(await states()).toEqual({ HELD: 1 }));
    expect(await log(logId)).toMatchObject({
      status: 'FAIL',
      certainty: 'NOT_SENT',
      heldReason: 'INTEGRATION_DISABLED',
      retryState: 'HELD',
    });
    // One that comes too late for the rule is not lost in the queue either.
    await room.queue(rule, 1);
    expect(await states()).toEqual({ HELD: 2 });
  });
});

describe('a rule that is switched on again', () => {
  test('releases in the order of keys', async () => {
    const { rule, logIds } = await heldRule(20, 'A-17');
    await room.enable(rule, true, 'RELEASE');
    await room.drained();
    expect(room.transport.keys).toEqual(logIds);
    expect(await log(logIds[3])).toMatchObject({
      status: 'SUCCESS',
      heldReason: null,
      retryState: 'NONE',
    });
  });

  test.each<HeldAction>(['RELEASE', 'DROP'])(
    'lets what comes meanwhile behind what was held, and sends it (%s)',
    async (action) => {
      const { rule, logIds } = await heldRule(5, 'A-17');
      await room.held.stop();
      await room.enable(rule, true, action);
      const [late] = await room.queue(rule, 1, { orderingKey: 'A-17' });
      const [other] = await room.queue(rule, 1, { orderingKey: 'B-2' });
      expect(await log(late)).toMatchObject({ heldReason: 'BEHIND_HELD' });
      room.dispatcher.notify();
      expect(room.transport.sent).toEqual([]);
      room.held.start();
      await room.drained();
      const sent = room.transport.keys.filter((key) => key !== other);
      expect(sent).toEqual(action === 'DROP' ? [late] : [...logIds, late]);
      expect(room.transport.keys).toContain(other);
    },
  );

  test('drops: the log says so, and who did it', async () => {
    const { rule, logIds } = await heldRule(3);
    await room.enable(rule, true, 'DROP');
    await room.drained();
    expect(room.transport.sent).toEqual([]);
    for (const logId of logIds) {
      expect(await log(logId)).toMatchObject({
        status: 'FAIL',
        certainty: 'NOT_SENT',
        retryState: 'CANCELLED',
        heldReason: null,
        activity: [{ actor: 'test', kind: 'DROPPED' }],
      });
    }
  });

  test('switched off again in the middle, holds the rest', async () => {
    const { rule } = await heldRule(4);
    await room.held.stop();
    await room.enable(rule, true, 'DROP');
    await room.enable(rule, false);
    room.held.start();
    await room.held.whenDone(rule);
    expect(await states()).toEqual({ HELD: 4 });
  });

  test('is busy while what waits is just being held', async () => {
    room = await dispatching();
    const rule = await room.addRule();
    await room.queue(rule, 1);
    await room.held.stop();
    await room.enable(rule, false);
    await expect(room.enable(rule, true, 'DROP')).rejects.toThrow('BUSY');
  });
});

describe('release by filter', () => {
  const all = { labIntegrationId: null, heldReasons: null, certainty: null, from: null, to: null };
  const wish = { filter: all, action: 'RELEASE', reason: null, acceptsDuplicates: false } as const;

  /** As a restored backup leaves its open deliveries. */
  async function restored(count: number) {
    room = await dispatching();
    const rule = await room.addRule();
    const logIds = await room.queue(rule, count, { createdAt: 5_000 });
    room.sql(`UPDATE task SET state = 'HELD'`);
    room.sql(`UPDATE log SET held_reason = 'RESTORED_BACKUP', retry_state = 'HELD'`);
    return { rule, logIds };
  }

  test('counts what it would let go', async () => {
    const { rule } = await restored(3);
    expect(await room.held.preview(all)).toEqual([
      {
        labIntegrationId: rule,
        heldReason: 'RESTORED_BACKUP',
        certainty: null,
        count: 3,
        oldestAt: 5_000,
      },
    ]);
    expect(await room.held.preview({ ...all, from: 5_001 })).toEqual([]);
    expect(await room.held.preview({ ...all, labIntegrationId: rule + 1 })).toEqual([]);
    expect(await room.held.preview({ ...all, certainty: 'UNKNOWN' })).toEqual([]);
    expect(await room.held.preview({ ...all, certainty: 'NONE' })).toMatchObject([{ count: 3 }]);
  });

  test('of a restored backup needs word that duplicates are accepted, and a reason', async () => {
    const { logIds } = await restored(3);
    await expect(room.held.release(wish, 'Asha')).rejects.toMatchObject({
      code: 'DUPLICATES_POSSIBLE',
      errors: [{ field: 'accept_duplicates' }],
    });
    const knowing = { ...wish, acceptsDuplicates: true };
    await expect(room.held.release(knowing, 'Asha')).rejects.toMatchObject({
      code: 'REASON_NEEDED',
    });
    expect(await states()).toEqual({ HELD: 3 });
    const told = { ...knowing, reason: 'the partner has checked' };
    expect(await room.held.release(told, 'Asha')).toMatchObject({ released: 3, disabled: 0 });
    await room.dispatcher.start();
    await room.drained();
    expect(new Set(room.transport.keys)).toEqual(new Set(logIds));
  });

  test('leaves alone what a rule that is switched off holds, unless that is dropped', async () => {
    const { rule } = await heldRule(2);
    expect(await room.held.release(wish, 'Asha')).toMatchObject({ released: 0, disabled: 2 });
    const ofRule = { ...wish, filter: { ...all, labIntegrationId: rule } };
    await expect(room.held.release(ofRule, 'Asha')).rejects.toMatchObject({
      errors: [{ field: 'lab_integration_id' }],
    });
    const drop = { ...ofRule, action: 'DROP', reason: 'the partner has closed' } as const;
    expect(await room.held.release(drop, 'Asha')).toMatchObject({ dropped: 2 });
    expect(await states()).toEqual({});
  });

  test('a restored delivery stays held when its rule is switched off and on', async () => {
    const { rule } = await restored(2);
    room.transport.script = () => answered();
    await room.dispatcher.start();
    await room.enable(rule, false);
    await room.enable(rule, true, 'RELEASE');
    await room.held.whenDone(rule);
    expect(await states()).toEqual({ HELD: 2 });
  });
});
