import { afterEach, expect, test, vi } from 'vitest';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

let room: Dispatching;
afterEach(() => room.close());

test('a rule that is given to outside workers takes with it what was claimed ahead', async () => {
  room = await dispatching();
  room.lookup.settings = { ...room.lookup.settings, maxConcurrency: 1 };
  const rule = await room.addRule();
  const gate = Promise.withResolvers<void>();
  room.transport.script = async () => {
    await gate.promise;
    return answered();
  };
  await room.queue(rule, 2);
  await room.dispatcher.start();
  // One is under way, and the one slot has claimed the next one ahead.
  await vi.waitFor(() => expect(room.transport.sent).toHaveLength(1));
  await vi.waitFor(async () =>
    expect((await room.store.figures()).tasksByState).toEqual({ CLAIMED: 2 }),
  );
  await room.change(rule, { executor: 'external' });
  gate.resolve();
  await vi.waitFor(async () =>
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 1 }),
  );
  expect(room.transport.sent).toHaveLength(1);
  expect(room.settled).toMatchObject([{ status: 'SUCCESS' }]);
});

test('tasks of outside workers keep no slot of ours busy, and others go on', async () => {
  room = await dispatching();
  const external = await room.addRule({ executor: 'external' });
  const local = await room.addRule({ name: 'local' });
  await room.queue(external, 50);
  await room.queue(local, 3);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.transport.sent).toHaveLength(3));
  await vi.waitFor(async () =>
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 50 }),
  );
});
