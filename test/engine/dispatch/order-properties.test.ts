import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { HELD_FOR_UNKNOWN_MS } from '../../../src/shared/model/ordering.ts';
import { type Dispatching, dispatching } from './dispatching.ts';
import { answered } from './scripted-transport.ts';

interface Wanted {
  rule: number;
  key: string | null;
  stat: boolean;
  code: number;
  /** Turns of the event loop that the partner takes. */
  takes: number;
}

const RULES = [
  { onRefused: 'skip', onUnknown: 'hold', maxConcurrency: 3 },
  { onRefused: 'hold', onUnknown: 'skip', maxConcurrency: 8 },
] as const;

const wanted: fc.Arbitrary<Wanted> = fc.record({
  rule: fc.integer({ min: 0, max: 1 }),
  key: fc.constantFrom('A', 'B', 'C', null),
  stat: fc.constantFrom(false, false, true),
  code: fc.constantFrom(200, 200, 200, 209, 400, 500, 503),
  takes: fc.integer({ min: 0, max: 5 }),
});

/** Sends everything through the real dispatcher and store; time passes only where all is at rest. */
class Run {
  #now = 1_000_000;
  readonly #room: Dispatching;
  readonly #rules: number[] = [];
  readonly #wishes = new Map<string, Wanted & { place: string | null; number: number }>();
  readonly #inFlight = new Map<string, number>();
  readonly #lastSent = new Map<string, number>();
  /** Until when a key's followers must not go; infinite: until a person says so. */
  readonly #held = new Map<string, { until: number; head: string }>();
  readonly broken: string[] = [];

  private constructor(room: Dispatching) {
    this.#room = room;
  }

  static async of(deliveries: readonly Wanted[]): Promise<string[]> {
    let clock = () => 0;
    const room = await dispatching({ clock: () => clock() });
    const run = new Run(room);
    clock = () => run.#now;
    try {
      await run.#all(deliveries);
      return run.broken;
    } finally {
      await room.close();
    }
  }

  async #all(deliveries: readonly Wanted[]): Promise<void> {
    const { store, lookup, transport, dispatcher } = this.#room;
    lookup.settings.maxConcurrency = 4;
    transport.script = ({ headers }) => this.#partner(headers['webhook-id'] ?? '');
    for (const settings of RULES) this.#rules.push(await this.#room.addRule(settings));
    await dispatcher.start();
    for (const [number, one] of deliveries.entries()) {
      const rule = this.#rules[one.rule] ?? 0;
      const priority = one.stat ? 'STAT' : 'ROUTINE';
      const [logId = ''] = await this.#room.queue(rule, 1, { orderingKey: one.key, priority });
      const place = one.key === null ? null : `${one.rule} ${one.key}`;
      this.#wishes.set(logId, { ...one, place, number });
      dispatcher.notify(one.stat ? [rule] : []);
    }
    for (;;) {
      await vi.waitFor(async () => {
        const { tasksByState } = await store.figures();
        expect(tasksByState['READY'] ?? 0).toBe(0);
        expect(tasksByState['CLAIMED'] ?? 0).toBe(0);
      });
      const { tasksByState } = await store.figures();
      if (tasksByState['WAITING'] === undefined) return;
      // All is at rest, so what waits is held.
      if (this.#held.size === 0) throw new Error('tasks wait for nothing');
      this.#now += HELD_FOR_UNKNOWN_MS;
      const held = [...this.#held.values()];
      this.#held.clear();
      for (const { until, head } of held) {
        if (until !== Number.POSITIVE_INFINITY) continue;
        const request = { logId: head, reason: 'phoned', actor: 'Anna', now: this.#now };
        await store.releaseOrderingKey(request);
      }
      await store.tendOrder({ now: this.#now });
      dispatcher.notify();
    }
  }

  async #partner(logId: string) {
    const wish = this.#wishes.get(logId);
    if (!wish) throw new Error('sent before it was queued');
    const { place, number, code } = wish;
    if (place !== null) {
      const together = (this.#inFlight.get(place) ?? 0) + 1;
      this.#inFlight.set(place, together);
      if (together > 1) this.broken.push(`${together} in flight on ${place}`);
      if (this.#held.has(place)) this.broken.push(`sent before the held head of ${place}`);
      if (number < (this.#lastSent.get(place) ?? 0)) this.broken.push(`out of order on ${place}`);
      this.#lastSent.set(place, number);
    }
    for (let turn = 0; turn < wish.takes; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (place !== null) {
      this.#inFlight.set(place, (this.#inFlight.get(place) ?? 0) - 1);
      const rule = RULES[wish.rule] ?? RULES[0];
      if (code === 500 && rule.onUnknown === 'hold') {
        this.#held.set(place, { until: this.#now + HELD_FOR_UNKNOWN_MS, head: logId });
      }
      if (code === 400 && rule.onRefused === 'hold') {
        this.#held.set(place, { until: Number.POSITIVE_INFINITY, head: logId });
      }
    }
    return answered(code);
  }
}

test('through the dispatcher: one in flight on a key, in order, none past a held head, all end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(wanted, { minLength: 5, maxLength: 40, size: 'max' }),
      async (all) => {
        expect(await Run.of(all)).toEqual([]);
      },
    ),
    { numRuns: 8 },
  );
}, 60_000);
