import { afterEach, expect, test, vi } from 'vitest';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

const SLOTS = 8;

let room: Dispatching;
afterEach(() => room.close());

/** Calls under way to an address. */
const open = (url: string) => room.transport.open.filter(({ request }) => request.url === url);

/** A dispatcher whose slots are all taken by one rule, with hundreds more of it waiting. */
async function takenBy(endPoint: string): Promise<void> {
  // Never woken but by a notice and by what ends.
  room = await dispatching({ timings: { idlePoll: 60_000 } });
  room.lookup.settings.maxConcurrency = SLOTS;
  room.transport.script = null;
  const rule = await room.addRule({ endPoint, maxConcurrency: 1_000 });
  await room.queue(rule, 300);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.transport.open).toHaveLength(SLOTS));
  await claimsRest();
}

/** Resolves when claims have come to rest. */
async function claimsRest(): Promise<void> {
  await vi.waitFor(async () => {
    const { tasksByState } = await room.store.figures();
    expect((await room.store.figures()).tasksByState).toEqual(tasksByState);
  });
}

/** Ends one call, and waits until its slot has the next. */
async function endOne(url: string): Promise<void> {
  const sent = room.transport.sent.length;
  open(url)[0]?.end(answered());
  await vi.waitFor(() => expect(room.transport.sent).toHaveLength(sent + 1));
  await claimsRest();
}

test('no more is claimed than fills all slots once again', async () => {
  await takenBy('http://slow/');
  expect((await room.store.figures()).tasksByState['CLAIMED']).toBe(2 * SLOTS);
  for (let call = 0; call < 5; call++) await endOne('http://slow/');
  expect((await room.store.figures()).tasksByState['CLAIMED']).toBe(2 * SLOTS);
});

test('a newcomer is sent within two answers, however many of a slow integration wait', async () => {
  await takenBy('http://slow/');
  await room.queue(await room.addRule({ endPoint: 'http://new/' }), 1);
  room.dispatcher.notify();
  await endOne('http://slow/');
  await endOne('http://slow/');
  expect(open('http://new/')).toHaveLength(1);
});

test('integrations that all have many waiting come to share the slots evenly', async () => {
  await takenBy('http://slow/');
  for (const name of ['b', 'c', 'd']) {
    const rule = await room.addRule({ endPoint: `http://${name}/`, maxConcurrency: 1_000 });
    await room.queue(rule, 100);
  }
  room.dispatcher.notify();
  for (let call = 0; call < SLOTS; call++) await endOne('http://slow/').catch(() => undefined);
  const shares = ['slow', 'b', 'c', 'd'].map((name) => open(`http://${name}/`).length);
  expect(shares).toEqual([2, 2, 2, 2]);
});

test('nobody is kept from slots that no one else wants', async () => {
  await takenBy('http://slow/');
  await room.queue(await room.addRule({ endPoint: 'http://new/' }), 1);
  room.dispatcher.notify();
  await endOne('http://slow/');
  await endOne('http://slow/');
  await endOne('http://new/');
  expect(open('http://slow/')).toHaveLength(SLOTS);
});
