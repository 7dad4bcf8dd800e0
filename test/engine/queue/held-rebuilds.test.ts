import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { heldNotices } from '../../../src/main/engine/health.ts';
import { HeldRetries } from '../../../src/main/engine/queue/held-retries.ts';
import { HeldTasks } from '../../../src/main/engine/queue/held-tasks.ts';
import type { Rebuilt } from '../../../src/main/engine/payload/rebuild.ts';
import { type Dispatching, dispatching } from '../dispatch/dispatching.ts';

const HELD = 120;

let room: Dispatching;
let held: HeldTasks;
let rule: number;
let calls: number;
/** How often it was found out what is to be done. */
let looks: number;
let rebuild: () => Promise<Rebuilt>;
/** A rule that was switched off while deliveries waited, with bodies that are built as a test says. */
beforeEach(async () => {
  room = await dispatching();
  await room.held.stop();
  rule = await room.addRule();
  await room.queue(rule, HELD);
  calls = 0;
  looks = 0;
  rebuild = async () => ({ outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null });
  held = new HeldTasks({
    store: Object.create(room.store, {
      waitingActions: {
        value: async () => {
          const noted = await room.store.waitingActions();
          looks++;
          return noted;
        },
      },
    }) as typeof room.store,
    configuration: room.lookup,
    rebuild: () => {
      calls++;
      return rebuild();
    },
    clock: () => 5_000,
    onReleased: () => {},
    onTrouble: (what, message) => room.troubles.push(`${what}: ${message}`),
  });
  held.start();
  await enable(false);
  await held.whenDone(rule);
});
afterEach(async () => {
  await held.stop();
  await room.close();
});

const enable = async (isActive: boolean, action?: 'REBUILD' | 'RELEASE') => {
  await room.enable(rule, isActive, action);
  held.notify();
};
const states = async () => (await room.store.figures()).tasksByState;

describe('bodies that are built anew', () => {
  test('are not built any more once the rule is switched off again, and stay held', async () => {
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    rebuild = async () => {
      await gate;
      return { outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null };
    };
    await enable(true, 'REBUILD');
    await vi.waitFor(() => expect(calls).toBeGreaterThan(0));
    const begun = calls;
    const before = looks;
    await enable(false);
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before));
    goOn();
    await held.whenDone(rule);
    expect(calls).toBe(begun);
    expect(await states()).toEqual({ HELD });
    expect(await room.store.waitingActions()).toEqual([]);
  });

  test('are not settled where the action was overtaken before anybody was told', async () => {
    // Only the store knows of it.
    rebuild = async () => {
      if (calls === 1) await room.enable(rule, false);
      return { outcome: 'SAME', objectsFrom: 'LOCAL', fallback: null };
    };
    await enable(true, 'REBUILD');
    await held.whenDone(rule);
    // One chunk at most, and not all of them.
    expect(calls).toBeLessThanOrEqual(50);
    expect(await states()).toEqual({ HELD });
  });

  test('that cannot be built are told once, and tried again ever more rarely', async () => {
    rebuild = () => Promise.reject(new Error('the mapping process is gone'));
    await enable(true, 'REBUILD');
    await held.whenDone(rule);
    const first = calls;
    expect(first).toBeLessThanOrEqual(10);
    // Whatever else is changed meanwhile does not hurry it.
    held.notify();
    await held.whenDone(rule);
    expect(calls).toBe(first);
    await vi.waitFor(() => expect(calls).toBeGreaterThan(first), { timeout: 5_000 });
    await held.whenDone(rule);
    expect(room.troubles).toEqual(['hold: the mapping process is gone']);
    expect(held.failing()).toEqual([{ labIntegrationId: rule, action: 'REBUILD', since: 5_000 }]);
    expect(heldNotices(held.failing())).toMatchObject([{ name: `integration ${rule}`, ok: false }]);

    // Another choice does not wait for it.
    await enable(false);
    await vi.waitFor(async () => expect(await room.store.waitingActions()).toEqual([]));
    await enable(true, 'RELEASE');
    await vi.waitFor(async () => expect(await states()).toEqual({ READY: HELD }));
    expect(held.failing()).toEqual([]);
  });
});

describe('what fails', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('is tried again after one second, then after twice as long each time, up to a minute', () => {
    const noted = { labIntegrationId: 1, action: 'REBUILD', actor: 'Asha' } as const;
    const due = vi.fn();
    const retries = new HeldRetries(() => 0, due);
    const waits = Array.from({ length: 8 }, (_, index) => {
      expect(retries.failed(noted)).toBe(index === 0);
      expect(retries.mustWait({ ...noted, action: 'HOLD' })).toBe(false);
      const before = due.mock.calls.length;
      let seconds = 0;
      for (; due.mock.calls.length === before; seconds++) {
        expect(retries.mustWait(noted)).toBe(true);
        vi.advanceTimersByTime(1_000);
      }
      expect(retries.mustWait(noted)).toBe(false);
      return seconds;
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });
});
