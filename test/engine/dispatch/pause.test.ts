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

test('a pause gives back suspects that wait for their turn, and nothing of them leaves', async () => {
  const gate = Promise.withResolvers<void>();
  room = await dispatching({
    wrap: (store) => ({ begin: (request) => gate.promise.then(() => store.begin(request)) }),
  });
  const rule = await room.addRule({ maxConcurrency: 64 });
  await room.queue(rule, 10);
  room.sql('UPDATE task SET crashes = 1');
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.dispatcher.inFlight).toBe(10));
  setPaused(true);
  gate.resolve();
  await vi.waitFor(async () => {
    expect(room.dispatcher.inFlight).toBe(0);
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 10 });
  });
  expect(room.transport.sent).toEqual([]);
  expect(room.settled).toEqual([]);

  setPaused(false);
  await room.drained();
  expect(room.transport.sent).toHaveLength(10);
});

test.each(['in_process', 'http'] as const)(
  'a pause during the commit of a stamp lets nothing leave, and the task goes back (%s)',
  async (callbackTransport) => {
    let pause = () => {};
    room = await dispatching({
      wrap: (store) => ({
        stamp: (request) => store.stamp(request).finally(() => pause()),
      }),
    });
    room.lookup.settings = { ...room.lookup.settings, callbackTransport };
    const rule = await room.addRule();
    const [logId = ''] = await room.queue(rule, 1);
    pause = () => setPaused(true);
    await room.dispatcher.start();
    if (callbackTransport === 'http') await takeReport();
    await vi.waitFor(async () =>
      expect(await room.store.getLog(logId)).toMatchObject({
        certainty: 'NOT_SENT',
        retryState: 'SCHEDULED',
        heldReason: null,
        errorMessage: 'Delivery was paused before anything was sent.',
      }),
    );
    expect((await room.store.figures()).tasksByState).toEqual({ READY: 1 });
    expect(room.transport.sent).toEqual([]);

    pause = () => {};
    room.lookup.settings = { ...room.lookup.settings, callbackTransport: 'in_process' };
    setPaused(false);
    await room.drained();
    expect(room.transport.keys).toEqual([logId]);
    expect(await room.store.getLog(logId)).toMatchObject({ status: 'SUCCESS' });
  },
);

/** Does with the one outcome that is to be reported as the callback route and the reporter do. */
async function takeReport(): Promise<void> {
  const [pending] = await vi.waitFor(async () => {
    const reports = await room.store.pendingReports({ afterTaskId: 0, limit: 2 });
    expect(reports).toHaveLength(1);
    return reports;
  });
  if (!pending) throw new Error('no outcome to be reported');
  await room.store.report(pending.report);
  await room.store.reportTaken({ taskId: pending.taskId });
}
