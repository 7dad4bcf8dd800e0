import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PROBE_EVERY_MS } from '../../src/shared/model/breaker.ts';
import type { AttemptReport, ClaimedTask } from '../../src/shared/model/delivery.ts';
import { RETRY_AFTER_AT_MOST_MS } from '../../src/shared/model/retry-policy.ts';
import { createMemoryQueue, type MemoryQueue } from './memory-queue.ts';
import { report, UNREACHED } from './samples.ts';

const REFUSED_FOR_NOW: Partial<AttemptReport> = {
  status: 'FAIL',
  certainty: 'REFUSED_RETRYABLE',
  errorKind: 'HTTP_STATUS',
  responseStatusCode: 503,
};
const OUTCOMES: Partial<AttemptReport>[] = [
  {},
  UNREACHED,
  { ...UNREACHED, errorKind: 'CONFIGURATION' },
  REFUSED_FOR_NOW,
  { ...REFUSED_FOR_NOW, responseStatusCode: 429, responseHeaders: { 'retry-after': '200' } },
  { ...REFUSED_FOR_NOW, certainty: 'UNKNOWN', responseStatusCode: 500 },
  { ...REFUSED_FOR_NOW, certainty: 'REFUSED', responseStatusCode: 422 },
];

type Step =
  | { kind: 'ADD' | 'CLAIM' | 'OPEN' | 'CLOSE' | 'CHANGE' | 'RESTART' }
  | { kind: 'WAIT'; ms: number }
  | { kind: 'SETTLE'; which: number; outcome: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant({ kind: 'ADD' } as const), weight: 2 },
  { arbitrary: fc.constant({ kind: 'CLAIM' } as const), weight: 4 },
  fc.constantFrom<Step>(
    { kind: 'OPEN' },
    { kind: 'CLOSE' },
    { kind: 'CHANGE' },
    { kind: 'RESTART' },
  ),
  fc.record({ kind: fc.constant('WAIT' as const), ms: fc.constantFrom(1, 5_000, 15_000, 300_000) }),
  {
    arbitrary: fc.record({
      kind: fc.constant('SETTLE' as const),
      which: fc.nat(7),
      outcome: fc.nat(OUTCOMES.length - 1),
    }),
    weight: 6,
  },
);

/** One integration whose attempts end as the steps say. */
class Lab {
  readonly queue: MemoryQueue = createMemoryQueue();
  readonly rule = this.queue.addRule({ maxConcurrency: 4 });
  now = 1_000_000;
  isOpenByHand = false;
  underWay: ClaimedTask[] = [];

  take(next: Step): void {
    switch (next.kind) {
      case 'ADD':
        this.queue.add(this.rule, 3);
        break;
      case 'CLAIM':
        this.claim();
        break;
      case 'OPEN':
        this.set('open');
        break;
      case 'CLOSE':
        this.set('closed');
        break;
      case 'CHANGE':
        this.queue.changeRule(this.rule, { name: `rule at ${this.now}` });
        break;
      case 'RESTART':
        this.queue.reopen();
        break;
      case 'WAIT':
        this.now += next.ms;
        break;
      case 'SETTLE':
        this.settle(next.which, OUTCOMES[next.outcome] ?? {});
        break;
    }
  }

  claim(): ClaimedTask[] {
    const claimed = this.queue.claim(10, this.now);
    for (const task of claimed) expect(this.queue.stamp(task, this.now)).toBe(true);
    if (this.isOpenByHand) expect(claimed).toEqual([]);
    this.underWay.push(...claimed);
    return claimed;
  }

  set(state: 'open' | 'closed'): void {
    const request = { labIntegrationId: this.rule, state, actor: 'Anna', note: 'why' };
    const { outcome } = this.queue.run('setBreaker', { ...request, now: this.now }) as {
      outcome: string;
    };
    if (state === 'open') expect(outcome).toBe(this.isOpenByHand ? 'UNCHANGED' : 'CHANGED');
    this.isOpenByHand = state === 'open';
    if (state === 'closed') expect(this.breaker?.openReason ?? null).toBeNull();
  }

  settle(which: number, outcome: Partial<AttemptReport>): void {
    const task = this.underWay[which % Math.max(1, this.underWay.length)];
    if (!task) return;
    this.underWay = this.underWay.filter((other) => other !== task);
    this.queue.run('settle', {
      taskId: task.taskId,
      report: report(task.logId, {
        attempt: task.attempt,
        activityDate: this.now,
        ...outcome,
      }),
      reportOverHttp: null,
    });
  }

  /** How the integration's breaker is listed, if it is. */
  get breaker(): { openReason: string | null; probeAt: number | null } | undefined {
    const [breaker] = this.queue.run('listBreakers', null) as never[];
    return breaker;
  }

  get isWaiting(): boolean {
    const count = this.queue.db.prepare(`SELECT count(*) FROM task WHERE state = 'READY'`).pluck();
    return count.get() !== 0;
  }
}

test('opened by hand it lets nothing through, whatever happens meanwhile; otherwise nothing starves', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lab = new Lab();
      try {
        for (const one of steps) {
          lab.take(one);
          expect(lab.breaker?.openReason === 'BY_HAND').toBe(lab.isOpenByHand);
        }
        if (lab.isOpenByHand) {
          lab.now += 2 * RETRY_AFTER_AT_MOST_MS;
          expect(lab.queue.nextDueAt(lab.now)).toBeNull();
          lab.claim();
          lab.set('closed');
        }
        // What is under way ends; then whatever waits goes, at the latest with the next probe.
        while (lab.underWay.length > 0) lab.settle(0, {});
        for (let round = 0; lab.isWaiting; round++) {
          expect(round).toBeLessThan(steps.length * 3 + 2);
          if (lab.claim().length === 0) {
            const dueAt = lab.queue.nextDueAt(lab.now);
            expect(dueAt).not.toBeNull();
            expect(dueAt ?? 0).toBeLessThanOrEqual(lab.now + 200_000 + PROBE_EVERY_MS);
            lab.now = dueAt ?? lab.now;
          }
          while (lab.underWay.length > 0) lab.settle(0, {});
        }
      } finally {
        lab.queue.close();
      }
    }),
  );
});
