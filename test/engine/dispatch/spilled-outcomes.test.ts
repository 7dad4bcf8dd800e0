import { afterEach, describe, expect, test, vi } from 'vitest';
import type { OutcomeSpill } from '../../../src/main/engine/dispatch/dispatcher-parts.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';
import type { SpillRecord } from '../../../src/shared/model/spill.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

/** A journal in memory, in front of a store that takes writes or refuses them. */
class MemorySpill implements OutcomeSpill {
  isStoreFull = false;
  hasRoom = true;
  readonly kept: SpillRecord[] = [];

  get isInUse(): boolean {
    return this.isStoreFull || this.kept.length > 0;
  }

  keep = async (record: SpillRecord): Promise<boolean> => {
    if (this.hasRoom) this.kept.push(record);
    return this.hasRoom;
  };
}

let room: Dispatching;
let spill: MemorySpill;
/** What the store was asked to write while it could. */
let asked: string[];
afterEach(() => room.close());

async function open(): Promise<void> {
  spill = new MemorySpill();
  asked = [];
  const guarded =
    <A extends unknown[], R>(name: string, command: (...input: A) => Promise<R>) =>
    (...input: A): Promise<R> => {
      asked.push(name);
      if (!spill.isStoreFull) return command(...input);
      return Promise.reject(new LabRelayError('STORE_UNAVAILABLE', 'SQLITE_FULL'));
    };
  room = await dispatching({
    spill,
    wrap: (port) => ({
      claim: guarded('claim', port.claim),
      stamp: guarded('stamp', port.stamp),
      settle: guarded('settle', port.settle),
      bury: guarded('bury', port.bury),
      release: guarded('release', port.release),
      recover: guarded('recover', port.recover),
    }),
  });
}

/** Two slots, both taken by calls that wait for their answers, and more to come. */
async function busy(log = {}): Promise<string[]> {
  await open();
  room.lookup.settings.maxConcurrency = 2;
  room.transport.script = null;
  const logIds = await room.queue(await room.addRule(), 6, log);
  await room.dispatcher.start();
  await vi.waitFor(() => expect(room.transport.open).toHaveLength(2));
  return logIds;
}

/** As `SpilledRecords` does once the store is back. */
async function comeBack(): Promise<void> {
  spill.isStoreFull = false;
  let sequence = (await room.store.spillState()).applied;
  for (let [record] = spill.kept; record; [record] = spill.kept) {
    const applied = await room.store.applySpilled({ sequence: ++sequence, record });
    if (applied.outcome === 'APPLIED') room.dispatcher.applied(record, applied);
    spill.kept.shift();
  }
  room.dispatcher.storeIsBack();
}

describe('once the store refuses writes', () => {
  test('outcomes go into the journal, slots are free, and nothing more is claimed or sent', async () => {
    const logIds = await busy();
    spill.isStoreFull = true;
    room.transport.answerAll();
    await vi.waitFor(() => expect(room.dispatcher.inFlight).toBe(0));
    expect(spill.kept).toHaveLength(2);
    // Those that were the first to meet it asked the store; since then nobody does.
    asked.length = 0;
    for (let n = 0; n < 3; n++) room.dispatcher.notify();
    await vi.waitFor(() => expect(room.transport.open).toEqual([]));
    expect(asked).toEqual([]);
    expect(room.transport.sent).toHaveLength(2);
    expect(room.settled).toEqual([]);

    room.transport.script = () => answered();
    await comeBack();
    await room.drained();
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
    expect(room.settled).toHaveLength(logIds.length);
    for (const logId of logIds) {
      const log = await room.store.getLog(logId);
      expect([log?.status, log?.attempts.length]).toEqual(['SUCCESS', 1]);
    }
  });

  test('an outcome of before does not overtake those that wait, though the store takes writes again', async () => {
    await busy();
    spill.isStoreFull = true;
    room.transport.open[0]?.end(answered());
    await vi.waitFor(() => expect(spill.kept).toHaveLength(1));
    spill.isStoreFull = false;
    asked.length = 0;
    room.transport.answerAll();
    await vi.waitFor(() => expect(spill.kept).toHaveLength(2));
    expect(asked).not.toContain('settle');
  });

  test('and the journal has no room, a slot keeps its outcome until the store takes it', async () => {
    await busy();
    spill.isStoreFull = true;
    spill.hasRoom = false;
    room.transport.answerAll();
    await vi.waitFor(() => expect(room.troubles.length).toBeGreaterThan(4));
    expect([room.settled.length, room.transport.sent.length]).toEqual([0, 2]);
    room.transport.script = () => answered();
    await comeBack();
    await room.drained();
    expect(room.settled).toHaveLength(6);
    expect(room.transport.sent).toHaveLength(6);
  });

  test('a task that has died is buried by the replay', async () => {
    const [dead = ''] = await busy();
    spill.isStoreFull = true;
    room.transport.open[0]?.end(null as never);
    await vi.waitFor(() => expect(spill.kept).toMatchObject([{ kind: 'DEATH', logId: dead }]));
    room.transport.script = () => answered();
    room.transport.answerAll();
    await vi.waitFor(() => expect(room.dispatcher.inFlight).toBe(0));
    await comeBack();
    await room.drained();
    expect(await room.failedTasks()).toMatchObject([{ logId: dead, certainty: 'UNKNOWN' }]);
  });
});

describe('what follows from an outcome follows from its replay', () => {
  test('the next of its ordering key goes out', async () => {
    await open();
    room.transport.script = null;
    const rule = await room.addRule();
    const logIds = await room.queue(rule, 3, { orderingKey: 'A', priority: 'STAT' });
    await room.dispatcher.start();
    await vi.waitFor(() => expect(room.transport.open).toHaveLength(1));
    spill.isStoreFull = true;
    room.transport.answerAll();
    await vi.waitFor(() => expect(spill.kept).toHaveLength(1));
    room.transport.script = () => answered();
    await comeBack();
    await room.drained();
    expect(room.transport.keys).toEqual(logIds);
  });

  test('its integration’s breaker opens, and what is left waits for it', async () => {
    await busy();
    spill.isStoreFull = true;
    room.transport.answerAll({ ...answered(), errorKind: 'CONNECT', responseStatusCode: null });
    await vi.waitFor(() => expect(spill.kept).toHaveLength(2));
    await comeBack();
    expect(room.breakers).toMatchObject([{ kind: 'OPENED' }]);
    expect((await room.store.figures()).tasksByState).toEqual({ WAITING_FOR_ENDPOINT: 6 });
  });

  test('a partner that is gone has its rule disabled', async () => {
    await busy();
    spill.isStoreFull = true;
    room.transport.answerAll(answered(410));
    await vi.waitFor(() => expect(spill.kept).toHaveLength(2));
    expect(room.gone).toEqual([]);
    const logIds = room.transport.keys;
    room.transport.script = () => answered();
    await comeBack();
    expect(room.gone.toSorted()).toEqual(logIds.toSorted());
  });
});

describe('a stop while the store refuses writes', () => {
  test('ends at once, and after the replay the next start leaves nothing in doubt', async () => {
    const logIds = await busy();
    spill.isStoreFull = true;
    const stopped = room.dispatcher.stop();
    room.transport.answerAll();
    await stopped;
    expect(spill.kept).toHaveLength(2);

    await comeBack();
    room.transport.script = () => answered();
    expect(await room.dispatcher.start()).toMatchObject({ unknown: 0, failed: 0 });
    await room.drained();
    expect(room.transport.keys.toSorted()).toEqual(logIds.toSorted());
  });
});
