import { openSync, readFileSync, closeSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RECORDS_AT } from '../../../src/main/engine/spill/record-format.ts';
import { SetAside } from '../../../src/main/engine/spill/set-aside.ts';
import { SpilledRecords } from '../../../src/main/engine/spill/spilled-records.ts';
import { StoreState } from '../../../src/main/engine/spill/store-state.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';
import type { AttemptReport } from '../../../src/shared/model/delivery.ts';
import type { SpillApplied, SpillRecord } from '../../../src/shared/model/spill.ts';
import { callRecord, KnowingStore, newJournalFile, record, reopen } from './journals.ts';

/** A store that takes records in order, or refuses everything, or one record for good. */
class ScriptedStore extends KnowingStore {
  isFull = false;
  /** Logs whose records it will never take. */
  readonly refuses = new Set<string>();
  readonly taken: string[] = [];
  probes = 0;

  applySpilled = async (one: {
    sequence: number;
    record: SpillRecord | null;
  }): Promise<SpillApplied> => {
    this.#check();
    if (one.sequence <= this.state.applied) return { outcome: 'REPEATED' };
    if (one.sequence > this.state.applied + 1) return { outcome: 'OUT_OF_ORDER' };
    const name = one.record ? nameOf(one.record) : 'passed over';
    if (this.refuses.has(name)) throw new LabRelayError('INTERNAL', `constraint of ${name}`);
    this.state.applied = one.sequence;
    this.taken.push(name);
    return { outcome: 'APPLIED', settled: null };
  };

  probeWrite = async (): Promise<void> => {
    this.probes++;
    this.#check();
  };

  #check(): void {
    if (this.isFull) throw new LabRelayError('STORE_UNAVAILABLE', 'SQLITE_FULL');
  }
}

function nameOf(one: SpillRecord): string {
  switch (one.kind) {
    case 'CALL':
      return one.call.logId;
    case 'SETTLEMENT':
      return one.settlement.report.logId;
    case 'DEATH':
      return `death of ${one.logId}`;
  }
}

function outcome(logId: string): SpillRecord {
  const report = { logId, attempt: 1 } as AttemptReport;
  return { kind: 'SETTLEMENT', settlement: { taskId: 1, report, reportOverHttp: null } };
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A room over a journal's file, as one life of the engine has it. */
async function life(
  store = new ScriptedStore(),
  file = newJournalFile(),
  options: { hasJournal?: boolean; onApplied?: () => void } = {},
) {
  const state = new StoreState(Date.now);
  const applied: string[] = [];
  const troubles: string[] = [];
  const backs: number[] = [];
  const aside = join(dirname(file), 'spill-rejected.jsonl');
  const journal = options.hasJournal === false ? null : await reopen(store, file);
  const spill = new SpilledRecords({
    store,
    opened: journal ? { journal, fault: null } : { journal, fault: 'ENOSPC' },
    state,
    aside: new SetAside(aside),
    clock: Date.now,
    onApplied: (one) => {
      applied.push(nameOf(one));
      options.onApplied?.();
    },
    onBack: (replayed) => backs.push(replayed),
    onTrouble: (what, message) => troubles.push(`${what}: ${message}`),
  });
  closers.push(() => spill.stop());
  const refuse = () => {
    store.isFull = true;
    state.refused();
  };
  return { spill, store, state, file, aside, applied, troubles, backs, refuse };
}

describe('while the store takes writes', () => {
  test('nothing is in use, and nobody asks the store', async () => {
    const { spill, store } = await life();
    await spill.start();
    expect(spill.isInUse).toBe(false);
    expect(store.probes).toBe(0);
  });
});

describe('from the first refusal on', () => {
  test('records are kept, and given to the store in order once it is back', async () => {
    const room = await life();
    await room.spill.start();
    room.refuse();
    expect(room.spill.isInUse).toBe(true);
    for (const name of ['a', 'b', 'c']) expect(await room.spill.keep(outcome(name))).toBe(true);
    await vi.waitFor(() => expect(room.troubles).toContain('spill: SQLITE_FULL'));
    expect(room.spill.figures).toMatchObject({
      kept: { SETTLEMENT: 3 },
      journal: { waiting: 3 },
    });
    expect(room.store.taken).toEqual([]);

    room.store.isFull = false;
    await vi.waitFor(() => expect(room.backs).toEqual([3]), 5_000);
    expect(room.store.taken).toEqual(['a', 'b', 'c']);
    expect(room.applied).toEqual(['a', 'b', 'c']);
    expect(room.spill.isInUse).toBe(false);
    expect(room.spill.figures).toMatchObject({ refusedSince: null, journal: { waiting: 0 } });
  });

  test('a record without room is counted once, however often it is offered', async () => {
    const room = await life();
    await room.spill.start();
    room.refuse();
    const large = record(1, 100_000);
    for (let tries = 0; tries < 3; tries++) expect(await room.spill.keep(large)).toBe(false);
    expect(await room.spill.keep(record(2, 100_000))).toBe(false);
    expect(room.spill.figures.full).toBe(2);
  });

  test('the store is asked until it takes a write, though nothing is kept', async () => {
    const room = await life();
    await room.spill.start();
    room.refuse();
    await vi.waitFor(() => expect(room.store.probes).toBeGreaterThan(2), 5_000);
    expect(room.spill.isInUse).toBe(true);
    room.store.isFull = false;
    await vi.waitFor(() => expect(room.backs).toEqual([0]), 5_000);
    const { probes } = room.store;
    expect(room.spill.isInUse).toBe(false);
    // It is left in peace then.
    await room.spill.stop();
    expect(room.store.probes).toBe(probes);
  });

  test('what comes while the others are replayed goes behind them', async () => {
    const room = await life();
    await room.spill.start();
    room.refuse();
    await room.spill.keep(record(1));
    room.store.isFull = false;
    const { applySpilled } = room.store;
    const late: Promise<boolean>[] = [];
    room.store.applySpilled = (one) => {
      if (late.length === 0) late.push(room.spill.keep(record(2)));
      return applySpilled(one);
    };
    await vi.waitFor(() => expect(room.backs).toEqual([2]), 5_000);
    expect(await Promise.all(late)).toEqual([true]);
    expect(room.store.taken).toEqual(['log-1', 'log-2']);
  });

  test('a listener that throws stops nothing', async () => {
    const room = await life(new ScriptedStore(), newJournalFile(), {
      onApplied: () => {
        throw new TypeError('a bug');
      },
    });
    await room.spill.start();
    for (const number of [1, 2]) await room.spill.keep(record(number));
    await vi.waitFor(() => expect(room.store.taken).toHaveLength(2), 5_000);
    expect(room.troubles).toContain('listener: TypeError');
  });
});

describe('a stop', () => {
  test('does not wait for the store; the next life gives it what was kept before anything else', async () => {
    const first = await life();
    await first.spill.start();
    first.refuse();
    for (const number of [1, 2]) await first.spill.keep(record(number));
    await first.spill.stop();
    await first.spill.stop();

    const next = await life(first.store, first.file);
    await expect(next.spill.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    first.store.isFull = false;
    await next.spill.start();
    expect(first.store.taken).toEqual(['log-1', 'log-2']);
    expect(next.applied).toEqual(['log-1', 'log-2']);
  });

  test('in the middle of a replay leaves nothing that is applied twice', async () => {
    const first = await life();
    for (const number of [1, 2, 3]) await first.spill.keep(record(number));
    // As much as a crash leaves that came before the answer.
    await first.store.applySpilled({ sequence: 1, record: record(1) });
    await first.spill.stop();
    const next = await life(first.store, first.file);
    await next.spill.start();
    expect(first.store.taken).toEqual(['log-1', 'log-2', 'log-3']);
    expect(next.applied).toEqual(['log-2', 'log-3']);
  });
});

describe('a record that the store will never take', () => {
  test('is set aside with its reason, its task fails, and the rest goes on', async () => {
    const room = await life();
    room.store.refuses.add('b');
    for (const name of ['a', 'b', 'c']) await room.spill.keep(outcome(name));
    await room.spill.start();
    expect(room.store.taken).toEqual(['a', 'death of b', 'c']);
    const [line, ...more] = readFileSync(room.aside, 'utf8').trim().split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(line ?? '')).toMatchObject({
      sequence: 2,
      reason: 'constraint of b',
      record: { settlement: { report: { logId: 'b' } } },
    });
    expect(room.spill.figures.setAside).toBe(1);
  });

  test('nor its death either is passed over', async () => {
    const room = await life();
    for (const name of ['b', 'death of b', 'log-9']) room.store.refuses.add(name);
    await room.spill.keep(outcome('b'));
    await room.spill.keep(callRecord(9));
    await room.spill.keep(outcome('c'));
    await room.spill.start();
    expect(room.store.taken).toEqual(['passed over', 'passed over', 'c']);
    expect(readFileSync(room.aside, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test('since its bytes have changed on disk is told of as well', async () => {
    const room = await life();
    for (const number of [1, 2]) await room.spill.keep(record(number));
    const handle = openSync(room.file, 'r+');
    writeSync(handle, Buffer.from([0]), 0, 1, RECORDS_AT + 30);
    closeSync(handle);
    await room.spill.start();
    expect(room.store.taken).toEqual(['passed over', 'log-2']);
    expect(readFileSync(room.aside, 'utf8')).toMatch(/damaged/);
  });
});

describe('without a journal', () => {
  test('nothing is kept, and it is still found out when the store is back', async () => {
    const room = await life(new ScriptedStore(), newJournalFile(), { hasJournal: false });
    await room.spill.start();
    room.refuse();
    expect(await room.spill.keep(record(1))).toBe(false);
    expect(room.spill.isInUse).toBe(true);
    room.store.isFull = false;
    await vi.waitFor(() => expect(room.spill.isInUse).toBe(false), 5_000);
    expect(room.spill.figures).toMatchObject({ journal: null, fault: 'ENOSPC', kept: { CALL: 0 } });
  });
});
