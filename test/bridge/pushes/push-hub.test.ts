import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NAMED_AT_ONCE } from '../../../src/main/bridge/pushes/pending.ts';
import {
  PushHub,
  type PushSink,
  type Subscription,
} from '../../../src/main/bridge/pushes/push-hub.ts';
import type { Push } from '../../../src/shared/contract/pushes.ts';
import type { Change } from '../../../src/shared/model/change.ts';
import type { LogState } from '../../../src/shared/model/log-state.ts';

const GATHER_MS = 200;
const log = (logId: string): Change => ({ kind: 'LOG', logId });

/** A store that knows only how often each log has changed. */
class CountingStore {
  readonly counts = new Map<string, number>();
  listener: ((changes: readonly Change[]) => void) | null = null;
  reads: (readonly string[])[] = [];
  fault: Error | null = null;
  /** Reads wait for it. */
  gate: Promise<void> = Promise.resolve();
  readMs = 0;
  readonly troubles: unknown[] = [];

  hub(sizes: { kept?: number; lingerMs?: number } = {}): PushHub {
    return new PushHub({
      listen: (listener) => {
        this.listener = listener;
      },
      logStates: async (logIds) => {
        this.reads.push(logIds);
        if (this.fault) throw this.fault;
        const states = logIds.map((logId) => this.state(logId));
        await this.gate;
        if (this.readMs > 0) await new Promise((resolve) => setTimeout(resolve, this.readMs));
        return states;
      },
      onTrouble: (error) => this.troubles.push(error),
      sizes: { gatherMs: GATHER_MS, ...sizes },
    });
  }

  /** A command that changes logs commits. */
  commit(...logIds: string[]): void {
    for (const logId of logIds) this.counts.set(logId, (this.counts.get(logId) ?? 0) + 1);
    this.listener?.(logIds.map(log));
  }

  state(logId: string): LogState {
    return {
      logId,
      direction: 'OUTBOUND',
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      retryState: 'SCHEDULED',
      retryCount: this.counts.get(logId) ?? 0,
      nextRetryAt: 1,
      heldReason: null,
      updatedAt: 1,
      attempt: 1,
    };
  }
}

/** A client: what it was told, as long as its connection held. */
class Client implements PushSink {
  readonly told: Push[] = [];
  lastId = '';
  takes = true;
  subscription: Subscription | null = null;

  send(pushes: readonly Push[], id: string): boolean {
    this.told.push(...pushes);
    this.lastId = id;
    return this.takes;
  }

  names(): string[] {
    return this.told.map(({ event }) => event);
  }

  counts(): [string, number][] {
    return this.told.flatMap((push) =>
      push.event === 'UpdateRetryIntegrationStatus'
        ? [[push.data.log_id, push.data.retry_count] as [string, number]]
        : [],
    );
  }

  isManyTold(): boolean {
    return this.told.some(
      (push) => push.event === 'Reset' || (push.event === 'LogsChanged' && push.data.many),
    );
  }
}

function join(hub: PushHub, lastId: string | null = null): Client {
  const client = new Client();
  client.subscription = hub.subscribe(client, lastId);
  return client;
}

const pass = () => vi.advanceTimersByTimeAsync(GATHER_MS);

describe('the push hub', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('listens to nothing while nobody listens to it', () => {
    const store = new CountingStore();
    const hub = store.hub();
    expect(store.listener).toBeNull();
    join(hub);
    expect(store.listener).not.toBeNull();
    hub.stop();
    expect(store.listener).toBeNull();
  });

  it('tells what changed several times once, as it stands then, to all with one read', async () => {
    const store = new CountingStore();
    const hub = store.hub();
    const clients = [join(hub), join(hub), join(hub)];
    for (let n = 0; n < 5; n++) store.commit('a', 'b');
    await pass();
    for (const client of clients) {
      expect(client.counts()).toEqual([
        ['a', 5],
        ['b', 5],
      ]);
      expect(client.told.at(-1)).toEqual({
        event: 'LogsChanged',
        data: { log_ids: ['a', 'b'], many: false },
      });
    }
    expect(store.reads).toEqual([['a', 'b']]);
    await pass();
    expect(clients[0]?.told).toHaveLength(3);
  });

  it('names no more than two hundred logs; of more it says that there are many', async () => {
    const store = new CountingStore();
    const client = join(store.hub());
    const ids = Array.from({ length: NAMED_AT_ONCE + 1 }, (_, n) => `log ${n}`);
    store.commit(...ids.slice(1));
    await pass();
    expect(client.isManyTold()).toBe(false);
    expect(client.counts()).toHaveLength(NAMED_AT_ONCE);
    store.commit(...ids);
    await pass();
    expect(client.told.at(-1)).toEqual({
      event: 'LogsChanged',
      data: { log_ids: [], many: true },
    });
    expect(client.counts()).toHaveLength(NAMED_AT_ONCE);
  });

  it('names those that are known where there are others that nobody names', async () => {
    const store = new CountingStore();
    const client = join(store.hub());
    store.commit('a');
    store.listener?.([{ kind: 'MANY' }]);
    store.commit('b');
    await pass();
    expect(client.counts().map(([logId]) => logId)).toEqual(['a', 'b']);
    expect(client.told.at(-1)).toEqual({
      event: 'LogsChanged',
      data: { log_ids: ['a', 'b'], many: true },
    });
  });

  it('tells a change that comes while states are read in the next round, under a later id', async () => {
    const store = new CountingStore();
    const hub = store.hub();
    const client = join(hub);
    const { promise, resolve } = Promise.withResolvers<void>();
    store.gate = promise;
    store.commit('a');
    await pass();
    store.commit('a');
    resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(client.counts()).toEqual([['a', 1]]);
    const cutOff = client.lastId;
    await pass();
    expect(client.counts()).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
    // Cut off between the two, it is told of the second.
    const again = join(hub, cutOff);
    await pass();
    expect(again.counts()).toEqual([['a', 2]]);
  });

  it('waits with a slow one, which is then told once of everything, and with nobody else', async () => {
    const store = new CountingStore();
    const hub = store.hub();
    const [slow, quick] = [join(hub), join(hub)];
    slow.takes = false;
    store.commit('a');
    await pass();
    for (let n = 0; n < 1_000; n++) {
      store.commit('a', 'b');
      if (n % 100 === 0) await pass();
    }
    await pass();
    expect(slow.counts()).toEqual([['a', 1]]);
    expect(quick.counts().length).toBeGreaterThan(10);
    slow.takes = true;
    slow.subscription?.resume();
    await pass();
    expect(slow.counts().slice(1)).toEqual([
      ['a', 1_001],
      ['b', 1_000],
    ]);
  });

  it('tells breakers, bulk retries and health, each once', async () => {
    const store = new CountingStore();
    const client = join(store.hub());
    for (let n = 0; n < 3; n++) {
      store.listener?.([
        { kind: 'BREAKER', labIntegrationId: 4 },
        { kind: 'BULK_RETRY', bulkRetryId: 'r' },
        { kind: 'HEALTH' },
      ]);
    }
    await pass();
    expect(client.told).toEqual([
      { event: 'BreakerChanged', data: { lab_integration_id: 4 } },
      { event: 'BulkRetryProgress', data: { bulk_retry_id: 'r' } },
      { event: 'HealthChanged', data: {} },
    ]);
    expect(store.reads).toEqual([]);
  });

  it('tries again where states cannot be read, and loses nothing', async () => {
    const store = new CountingStore();
    const client = join(store.hub());
    store.fault = new Error('disk I/O error');
    store.commit('a');
    await pass();
    expect(client.told).toEqual([]);
    expect(store.troubles).toEqual([store.fault]);
    store.fault = null;
    await pass();
    expect(client.counts()).toEqual([['a', 1]]);
  });

  it('lets go of one that throws; the others hear everything', async () => {
    const store = new CountingStore();
    const hub = store.hub();
    hub.subscribe({ send: (pushes) => pushes.length === 0 || explode() }, null);
    const client = join(hub);
    store.commit('a');
    await pass();
    store.commit('a');
    await pass();
    expect(client.counts()).toHaveLength(2);
    expect(store.troubles).toHaveLength(1);
  });

  it('tells one that is cut off again before it has heard what it missed', async () => {
    const store = new CountingStore();
    const hub = store.hub();
    const { lastId } = join(hub);
    store.commit('a');
    await pass();
    const again = join(hub, lastId);
    const third = join(hub, again.lastId);
    await pass();
    expect(third.counts()).toEqual([['a', 1]]);
  });

  it('says so where what was missed is not known any more', async () => {
    const store = new CountingStore();
    const hub = store.hub({ kept: 5 });
    const stays = join(hub);
    const { lastId } = stays;
    for (const logId of 'abcdef') store.commit(logId);
    await pass();
    const reset = (reason: string) => [{ event: 'Reset', data: { reason } }];
    expect(join(hub, lastId).told).toEqual(reset('GAP'));
    expect(join(hub, 'ffff-1').told).toEqual(reset('RESTARTED'));
    expect(join(hub, 'anything').told).toEqual(reset('RESTARTED'));
    expect(join(hub, `${lastId.split('-')[0]}-99`).told).toEqual(reset('GAP'));
    // After a reset it goes on like any other.
    const again = join(hub, lastId);
    store.commit('g');
    await pass();
    expect(again.names()).toEqual(['Reset', 'UpdateRetryIntegrationStatus', 'LogsChanged']);
  });

  it('remembers for a while after the last one has gone, and forgets then', async () => {
    const store = new CountingStore();
    const hub = store.hub({ lingerMs: 60_000 });
    const first = join(hub);
    first.subscription?.end();
    first.subscription?.end();
    store.commit('a');
    await vi.advanceTimersByTimeAsync(59_000);
    const second = join(hub, first.lastId);
    await pass();
    expect(second.counts()).toEqual([['a', 1]]);
    second.subscription?.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(store.listener).toBeNull();
    store.commit('a');
    expect(join(hub, second.lastId).told).toEqual([{ event: 'Reset', data: { reason: 'GAP' } }]);
  });
});

function explode(): never {
  throw new Error('the connection is gone');
}

/** A person's console: connections follow one another, and what is on its way is lost with each. */
class Console implements PushSink {
  readonly #hub: PushHub;
  readonly #store: CountingStore;
  /** What it takes each log to have been changed to. */
  readonly known = new Map<string, number>();
  #wire: { pushes: readonly Push[]; id: string }[] = [];
  #lastId: string | null = null;
  #takes = true;
  #subscription: Subscription;

  constructor(hub: PushHub, store: CountingStore) {
    this.#hub = hub;
    this.#store = store;
    this.#subscription = hub.subscribe(this, null);
    this.receive();
  }

  send(pushes: readonly Push[], id: string): boolean {
    this.#wire.push({ pushes, id });
    return this.#takes;
  }

  receive(): void {
    for (const { pushes, id } of this.#wire.splice(0)) {
      for (const push of pushes) this.#hear(push);
      this.#lastId = id;
    }
  }

  /** The connection breaks: of the first message that is on its way a part may have come. */
  cut(isPartOfItHeard: boolean): void {
    const [first] = this.#wire;
    const part = isPartOfItHeard && first ? first.pushes.slice(0, -1) : [];
    for (const push of part) this.#hear(push);
    this.#wire = [];
    this.#subscription.end();
    this.#takes = true;
    this.#subscription = this.#hub.subscribe(this, this.#lastId);
  }

  toggle(): void {
    this.#takes = !this.#takes;
    if (this.#takes) this.#subscription.resume();
  }

  resume(): void {
    this.#takes = true;
    this.#subscription.resume();
  }

  #hear(push: Push): void {
    if (push.event === 'UpdateRetryIntegrationStatus') {
      this.known.set(push.data.log_id, push.data.retry_count);
    } else if (push.event === 'Reset' || (push.event === 'LogsChanged' && push.data.many)) {
      // It reads everything anew.
      for (const [logId, count] of this.#store.counts) this.known.set(logId, count);
    }
  }
}

const who = fc.nat(2);
/** What happens to a store and to consoles that come and go. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ change: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ flood: fc.nat(250) }) },
  { weight: 4, arbitrary: fc.constant({ pass: GATHER_MS }) },
  { weight: 3, arbitrary: fc.record({ receive: who }) },
  { weight: 2, arbitrary: fc.record({ cut: who, isPartOfItHeard: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ stuck: who }) },
  { weight: 1, arbitrary: fc.record({ fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ readsTake: fc.constantFrom(0, 50, 300) }) },
);

describe('whatever is changed, told, cut off and slowed down', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('each console ends up with every log as it stands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 80 }),
        fc.integer({ min: 1, max: 60 }),
        async (steps, kept) => {
          const store = new CountingStore();
          const hub = store.hub({ kept });
          const consoles = [0, 1, 2].map(() => new Console(hub, store));
          for (const one of steps) {
            if ('change' in one) store.commit(`log ${one.change}`);
            else if ('flood' in one) {
              store.commit(...Array.from({ length: one.flood }, (_, n) => `log ${n}`));
            } else if ('receive' in one) consoles[one.receive]?.receive();
            else if ('cut' in one) consoles[one.cut]?.cut(one.isPartOfItHeard);
            else if ('stuck' in one) consoles[one.stuck]?.toggle();
            else if ('fails' in one) store.fault = one.fails ? new Error('not now') : null;
            else if ('readsTake' in one) store.readMs = one.readsTake;
            else await vi.advanceTimersByTimeAsync(one.pass);
          }
          store.fault = null;
          store.readMs = 0;
          for (const console of consoles) console.resume();
          await vi.advanceTimersByTimeAsync(2_000);
          for (const console of consoles) {
            console.receive();
            // Maps are equal in whatever order they were filled.
            expect(console.known).toEqual(store.counts);
          }
          hub.stop();
        },
      ),
      process.env['LABRELAY_PROPERTY_RUNS'] ? {} : { numRuns: 1_000 },
    );
  });
});
