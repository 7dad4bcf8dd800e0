import { afterEach, expect, test, vi } from 'vitest';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
afterEach(() => room.close());

const PAUSE = { since: 1, by: 'Anna', reason: null };

/** Pauses or resumes as the configuration room does: the settings change, the dispatcher is woken. */
function setPaused(paused: boolean): void {
  room.lookup.settings = { ...room.lookup.settings, deliveryPaused: paused ? PAUSE : null };
  room.dispatcher.notify();
}

test('while deliveries are paused nothing is claimed, from the first moment of a start', async () => {
  const asked: string[] = [];
  room = await dispatching({
    wrap: (store) => ({
      claim: (request) => {
        asked.push('claim');
        return store.claim(request);
      },
      recover: (request) => {
        asked.push('recover');
        return store.recover(request);
      },
    }),
  });
  const rule = await room.addRule();
  setPaused(true);
  await room.queue(rule, 5);
  await room.dispatcher.start();
  room.dispatcher.notify();
  // Recovery runs with each idle poll: several have come by.
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(3));
  expect(asked).not.toContain('claim');
  expect((await room.store.figures()).tasksByState).toEqual({ READY: 5 });
  expect(room.transport.sent).toEqual([]);

  setPaused(false);
  await room.drained();
  expect(room.transport.sent).toHaveLength(5);
});

test('a pause gives back what was claimed ahead, and lets attempts under way end', async () => {
  room = await dispatching();
  room.lookup.settings = { ...room.lookup.settings, maxConcurrency: 2 };
  const rule = await room.addRule();
  const gate = Promise.withResolvers<void>();
  room.transport.script = async () => {
    await gate.promise;
    return answered();
  };
  await room.queue(rule, 10);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.transport.sent).toHaveLength(2));
  setPaused(true);
  gate.resolve();
  await vi.waitFor(async () =>
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 8 }),
  );
  expect(room.settled).toHaveLength(2);
  expect(room.transport.sent).toHaveLength(2);

  setPaused(false);
  await room.drained();
  expect(room.transport.sent).toHaveLength(10);
});
