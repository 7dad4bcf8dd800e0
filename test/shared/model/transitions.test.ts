import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ReportedState, transition } from '../../../src/shared/model/transitions.ts';
import {
  CERTAINTIES,
  type Certainty,
  LOG_STATUSES,
  type LogStatus,
  STAGES,
  type Stage,
} from '../../../src/shared/model/vocabulary.ts';

/** A log with attempts 1 … n, all sent and without an outcome; it takes reports as the store does. */
class Thread {
  log: { status: LogStatus; certainty: Certainty | null; stage: Stage } = {
    status: 'PENDING',
    certainty: null,
    stage: 'DISPATCHED',
  };
  readonly attempts: ReportedState[];
  readonly #endedAt: (number | null)[];
  readonly #revisions: number[];
  #time = 1_000;
  isResolved = false;

  /** @param revisions which body each attempt sent; left out: the same */
  constructor(attempts: number, revisions: number[] = []) {
    this.#revisions = revisions;
    this.attempts = Array.from({ length: attempts }, () => ({
      status: null,
      certainty: null,
      stage: 'DISPATCHED' as const,
    }));
    this.#endedAt = this.attempts.map(() => null);
  }

  /**
   * @param at when it happened; left out: now, after all that came before
   * @returns whether anything changed
   */
  take(number: number, report: ReportedState, at = this.#time++): boolean {
    const attempt = this.attempts[number - 1];
    if (!attempt) throw new Error(`no attempt ${number}`);
    const newestAttempt = this.attempts.length;
    const endedAt = this.#endedAt[number - 1] ?? null;
    const isNewestBody = this.#revisionOf(number) === this.#revisionOf(newestAttempt);
    const known = { ...attempt, number, endedAt, isNewestBody };
    const change = transition({ ...this.log, newestAttempt, isResolved: this.isResolved }, known, {
      ...report,
      at,
    });
    if (change.attempt) this.attempts[number - 1] = change.attempt;
    if (change.settlesAttempt) this.#endedAt[number - 1] = at;
    if (change.log) this.log = change.log;
    return change.attempt !== null || change.log !== null;
  }

  #revisionOf(number: number): number {
    return this.#revisions[number - 1] ?? 1;
  }
}

const PENDING: ReportedState = { status: 'PENDING', certainty: null, stage: null };
const UNHEARD: ReportedState = { status: 'FAIL', certainty: 'UNKNOWN', stage: 'REPORTED' };
const UNSENT: ReportedState = { status: 'FAIL', certainty: 'NOT_SENT', stage: 'REPORTED' };
const REFUSED: ReportedState = { status: 'FAIL', certainty: 'REFUSED', stage: 'REPORTED' };
const QUEUED: ReportedState = { status: 'QUEUED', certainty: 'COMMITTED', stage: null };
const SUPPRESSED: ReportedState = {
  status: 'SUPPRESSED',
  certainty: 'ACCEPTED',
  stage: 'REPORTED',
};
const SUCCESS: ReportedState = { status: 'SUCCESS', certainty: 'ACCEPTED', stage: 'REPORTED' };
const OUTCOMES = { UNHEARD, UNSENT, REFUSED, QUEUED, SUPPRESSED, SUCCESS };

/** What an attempt that holds the row's outcome takes from a later report of the column's. */
const REPLACES: Record<keyof typeof OUTCOMES, (keyof typeof OUTCOMES)[]> = {
  UNHEARD: ['QUEUED', 'SUPPRESSED', 'SUCCESS'],
  UNSENT: ['QUEUED', 'SUPPRESSED', 'SUCCESS'],
  REFUSED: ['SUPPRESSED', 'SUCCESS'],
  // What was handed on may be refused further down (AE after CA).
  QUEUED: ['REFUSED', 'SUPPRESSED', 'SUCCESS'],
  SUPPRESSED: [],
  SUCCESS: [],
};
const NAMES = Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[];

describe('one attempt', () => {
  test.each(NAMES)('without an outcome takes %s, and its log follows', (name) => {
    const thread = new Thread(1);
    expect(thread.take(1, OUTCOMES[name])).toBe(true);
    const { status, certainty } = OUTCOMES[name];
    expect(thread.attempts[0]).toMatchObject({ status, certainty });
    expect(thread.log).toMatchObject({ status, certainty });
  });

  test.each(NAMES.flatMap((held) => NAMES.map((told) => [held, told] as const)))(
    'that holds %s is told %s',
    (held, told) => {
      const thread = new Thread(1);
      thread.take(1, OUTCOMES[held]);
      thread.take(1, OUTCOMES[told]);
      const { status, certainty } = OUTCOMES[REPLACES[held].includes(told) ? told : held];
      expect(thread.attempts[0]).toMatchObject({ status, certainty });
      expect(thread.log).toMatchObject({ status, certainty });
    },
  );

  test.each(NAMES.flatMap((held) => NAMES.map((told) => [held, told] as const)))(
    'that holds %s is told late %s, which is older',
    (held, told) => {
      const thread = new Thread(1);
      thread.take(1, OUTCOMES[held], 20);
      thread.take(1, OUTCOMES[told], 10);
      const isOpen = held === 'UNHEARD' || held === 'QUEUED';
      const holds = isOpen && REPLACES[held].includes(told) ? told : held;
      const { status, certainty } = OUTCOMES[holds];
      expect(thread.attempts[0]).toMatchObject({ status, certainty });
      expect(thread.log).toMatchObject({ status, certainty });
    },
  );

  test('takes what is as old as its outcome by strength, since clocks count whole milliseconds', () => {
    const thread = new Thread(1);
    thread.take(1, REFUSED, 20);
    thread.take(1, SUCCESS, 20);
    expect(thread.log.status).toBe('SUCCESS');
  });

  test('learns nothing from PENDING, which is no outcome', () => {
    const thread = new Thread(1);
    expect(thread.take(1, PENDING)).toBe(false);
    thread.take(1, UNHEARD);
    expect(thread.take(1, PENDING)).toBe(false);
    expect(thread.log.status).toBe('FAIL');
  });
});

describe('a log of several attempts', () => {
  test.each(NAMES)('follows its newest attempt to %s', (name) => {
    const thread = new Thread(2);
    thread.take(1, UNHEARD);
    thread.take(2, OUTCOMES[name]);
    expect(thread.log.status).toBe(OUTCOMES[name].status);
  });

  const acceptances = NAMES.filter((name) => OUTCOMES[name].certainty === 'ACCEPTED');
  const others = NAMES.filter((name) => !acceptances.includes(name));

  test.each(others)('passes over %s of an older attempt, which keeps it itself', (name) => {
    const thread = new Thread(2);
    thread.take(1, OUTCOMES[name]);
    expect(thread.log).toMatchObject({ status: 'PENDING', certainty: null });
    expect(thread.attempts[0]?.status).toBe(OUTCOMES[name].status);
    expect(thread.attempts[1]?.status).toBeNull();
  });

  test.each(acceptances.flatMap((told) => NAMES.map((held) => [told, held] as const)))(
    'takes late %s of an older attempt, though the same body sent again holds %s',
    (told, held) => {
      const thread = new Thread(2);
      thread.take(1, UNHEARD);
      thread.take(2, OUTCOMES[held]);
      thread.take(1, OUTCOMES[told]);
      const { status, certainty } = OUTCOMES[acceptances.includes(held) ? held : told];
      expect(thread.log).toMatchObject({ status, certainty });
      expect(thread.attempts.map((attempt) => attempt.status)).toEqual([
        OUTCOMES[told].status,
        OUTCOMES[held].status,
      ]);
    },
  );

  test.each(acceptances.flatMap((told) => NAMES.map((ends) => [told, ends] as const)))(
    'takes %s of an older attempt while the same body is under way again, which then ends in %s',
    (told, ends) => {
      const thread = new Thread(2);
      thread.take(1, UNHEARD);
      thread.take(1, OUTCOMES[told]);
      expect(thread.log).toMatchObject({ status: OUTCOMES[told].status, certainty: 'ACCEPTED' });
      thread.take(2, OUTCOMES[ends]);
      // Acceptance is not taken back, and SUCCESS is not hidden.
      const follows = acceptances.includes(ends) && told !== 'SUCCESS';
      expect(thread.log.status).toBe(OUTCOMES[follows ? ends : told].status);
      expect(thread.attempts[1]?.status).toBe(OUTCOMES[ends].status);
    },
  );

  test.each(acceptances.flatMap((told) => [null, ...NAMES].map((held) => [told, held] as const)))(
    'passes over %s of what was corrected since; the correction holds %s',
    (told, held) => {
      const thread = new Thread(2, [1, 2]);
      thread.take(1, UNHEARD);
      if (held !== null) thread.take(2, OUTCOMES[held]);
      const before = thread.log;
      thread.take(1, OUTCOMES[told]);
      expect(thread.log).toEqual({ ...before, stage: thread.log.stage });
      expect(thread.attempts[0]).toMatchObject({ status: OUTCOMES[told].status });
    },
  );

  test.each(others)('keeps SUPPRESSED acceptance where the re-send ends in %s', (name) => {
    const thread = new Thread(1);
    thread.take(1, SUPPRESSED);
    thread.attempts.push({ status: null, certainty: null, stage: 'DISPATCHED' });
    thread.take(2, OUTCOMES[name]);
    expect(thread.log).toMatchObject({ status: 'SUPPRESSED', certainty: 'ACCEPTED' });
  });

  test.each(NAMES)('keeps SUCCESS where the re-send ends in %s', (name) => {
    const thread = new Thread(1);
    thread.take(1, SUCCESS);
    thread.attempts.push({ status: null, certainty: null, stage: 'DISPATCHED' });
    thread.take(2, OUTCOMES[name]);
    expect(thread.log).toMatchObject({ status: 'SUCCESS', certainty: 'ACCEPTED' });
    expect(thread.attempts[1]?.status).toBe(OUTCOMES[name].status);
  });
});

describe('a log that people have closed by hand', () => {
  /** As `resolveLog` leaves it: the attempt keeps its own outcome. */
  function closed(outcome: ReportedState, status: 'SUCCESS' | 'FAIL'): Thread {
    const thread = new Thread(1);
    thread.take(1, outcome);
    thread.log = { ...thread.log, status };
    thread.isResolved = true;
    return thread;
  }

  test.each(Object.entries(OUTCOMES))('as not delivered: what a later %s does', (name, report) => {
    for (const outcome of [UNHEARD, QUEUED]) {
      const thread = closed(outcome, 'FAIL');
      const before = thread.log.certainty;
      thread.take(1, report);
      const isAcceptance = name === 'SUCCESS' || name === 'SUPPRESSED';
      expect(thread.log).toMatchObject(
        isAcceptance
          ? { status: report.status, certainty: 'ACCEPTED' }
          : { status: 'FAIL', certainty: before },
      );
    }
  });

  test.each(Object.entries(OUTCOMES))('as delivered stays so, whatever comes: %s', (_, report) => {
    for (const outcome of [UNHEARD, QUEUED]) {
      const thread = closed(outcome, 'SUCCESS');
      thread.take(1, report);
      expect(thread.log.status).toBe('SUCCESS');
    }
  });
});

describe('a stage', () => {
  test('alone moves attempt and log forward, and nothing else', () => {
    const thread = new Thread(1);
    expect(thread.take(1, { status: null, certainty: null, stage: 'MIRTH' })).toBe(true);
    expect(thread.log).toEqual({ status: 'PENDING', certainty: null, stage: 'MIRTH' });
    expect(thread.take(1, { status: null, certainty: null, stage: 'DISPATCHED' })).toBe(false);
    expect(thread.take(1, { status: null, certainty: null, stage: 'MIRTH' })).toBe(false);
  });

  test('is told of a log that no attempt was made for yet', () => {
    const log = {
      status: 'PENDING',
      certainty: null,
      stage: 'ENQUEUED',
      newestAttempt: 0,
      isResolved: false,
    } as const;
    const told = { status: null, certainty: null, stage: 'LIVEHEALTHAPI', at: 1 } as const;
    expect(transition(log, null, told)).toEqual({
      attempt: null,
      log: { status: 'PENDING', certainty: null, stage: 'LIVEHEALTHAPI' },
      settlesAttempt: false,
      settlesLog: false,
    });
  });

  test('goes on after a delivery was handed on', () => {
    const thread = new Thread(1);
    thread.take(1, QUEUED);
    for (const stage of ['MIRTH', 'DOWNSTREAM', 'CONFIRMED'] as const) {
      expect(thread.take(1, { status: null, certainty: null, stage })).toBe(true);
      expect(thread.log).toMatchObject({ status: 'QUEUED', stage });
    }
  });

  test('told with an outcome that comes too late still counts, and an earlier one never does', () => {
    const thread = new Thread(1);
    thread.take(1, { ...QUEUED, stage: 'DOWNSTREAM' });
    thread.take(1, { ...SUCCESS, stage: 'MIRTH' });
    expect(thread.attempts[0]).toEqual({ ...SUCCESS, stage: 'DOWNSTREAM' });
    expect(thread.log).toEqual({ ...SUCCESS, stage: 'DOWNSTREAM' });
    thread.take(1, { ...UNHEARD, stage: 'CONFIRMED' });
    expect(thread.log).toEqual({ ...SUCCESS, stage: 'CONFIRMED' });
  });
});

describe('whatever is reported, in whatever order', () => {
  const report = fc.record({
    status: fc.constantFrom(null, ...LOG_STATUSES),
    certainty: fc.constantFrom(null, ...CERTAINTIES),
    stage: fc.constantFrom(null, ...STAGES),
  });
  const entries = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 3 }), report, fc.integer({ min: 1, max: 20 })),
    { maxLength: 12 },
  );
  const isRefusal = (told: ReportedState) =>
    told.certainty === 'REFUSED' || told.certainty === 'REFUSED_RETRYABLE';
  const failuresAgree = (reports: [number, ReportedState, number][]) => {
    const failures = reports.filter(([, { status }]) => status === 'FAIL');
    return new Set(failures.map(([, told]) => isRefusal(told))).size < 2;
  };
  const OPEN = new Set<Certainty | null>([null, 'UNKNOWN', 'COMMITTED']);
  // As `certaintyOf` judges: what is definite is not opened again by a stronger word.
  const fits = (told: ReportedState) =>
    told.status === 'QUEUED' ? told.certainty === 'COMMITTED' : told.certainty !== 'NOT_SENT';
  const isCoherent = (reports: [number, ReportedState, number][]) =>
    failuresAgree(reports) && reports.every(([, told]) => fits(told));
  const indexOf = (stage: Stage | null) => (stage === null ? -1 : STAGES.indexOf(stage));

  test('a repeat of everything changes nothing', () => {
    fc.assert(
      // A refusal that came after a failure was passed over; replayed after "handed on", it is news.
      fc.property(entries.filter(isCoherent), (reports) => {
        const once = new Thread(3);
        for (const [number, told, at] of reports) {
          once.take(number, told, at);
          // At once again, as a worker whose answer was lost does …
          expect(once.take(number, told, at)).toBe(false);
        }
        // … and all of them again, as a proxy's replay does.
        for (const [number, told, at] of reports) expect(once.take(number, told, at)).toBe(false);
      }),
    );
  });

  test('SUCCESS stays, stages only move forward, and an older attempt moves the status by acceptance alone', () => {
    fc.assert(
      fc.property(entries, (reports) => {
        const thread = new Thread(3);
        for (const [number, told, at] of reports) {
          const before = structuredClone(thread);
          thread.take(number, told, at);
          if (before.log.status === 'SUCCESS') expect(thread.log.status).toBe('SUCCESS');
          expect(indexOf(thread.log.stage)).toBeGreaterThanOrEqual(indexOf(before.log.stage));
          thread.attempts.forEach((attempt, index) => {
            const old = before.attempts[index];
            expect(indexOf(attempt.stage)).toBeGreaterThanOrEqual(indexOf(old?.stage ?? null));
            if (index !== number - 1) expect(attempt).toEqual(old);
          });
          if (number < 3 && told.certainty !== 'ACCEPTED') {
            expect(thread.log.status).toBe(before.log.status);
            expect(thread.log.certainty).toBe(before.log.certainty);
          }
        }
      }),
    );
  });

  test('a definite outcome is never replaced by what is older', () => {
    fc.assert(
      fc.property(entries, (reports) => {
        const thread = new Thread(3);
        const endedAt = [0, 0, 0];
        for (const [number, told, at] of reports) {
          const index = number - 1;
          const before = thread.attempts[index];
          thread.take(number, told, at);
          const after = thread.attempts[index];
          const isReplaced =
            before?.status !== after?.status || before?.certainty !== after?.certainty;
          if (!isReplaced) continue;
          if (before?.status !== null && !OPEN.has(before?.certainty ?? null)) {
            expect(at).toBeGreaterThanOrEqual(endedAt[index] ?? 0);
          }
          endedAt[index] = at;
        }
      }),
    );
  });

  test('signals of different strength end the same, however they are ordered and repeated', () => {
    const told = [UNHEARD, QUEUED, SUCCESS, PENDING, { ...PENDING, stage: 'MIRTH' as const }];
    const dealt = fc.uniqueArray(fc.constantFrom(...told), { minLength: 1 });
    fc.assert(
      fc.property(
        dealt.chain((set) =>
          fc.tuple(
            fc.constant(set),
            fc.shuffledSubarray([...set, ...set, ...set], { minLength: set.length * 3 }),
          ),
        ),
        ([set, shuffled]) => {
          const [inOrder, mixed] = [new Thread(1), new Thread(1)];
          for (const one of set) inOrder.take(1, one);
          for (const one of shuffled) mixed.take(1, one);
          expect(mixed).toEqual(inOrder);
        },
      ),
    );
  });
});
