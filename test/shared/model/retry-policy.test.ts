import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  automaticRetry,
  bodyOfAutomaticRetry,
  type FailedOutcome,
  RETRY_AFTER_AT_MOST_MS,
  retryAfterOf,
  type RetryProgress,
  type RetryRules,
  whyNoRetry,
} from '../../../src/shared/model/retry-policy.ts';
import {
  CERTAINTIES,
  ERROR_KINDS,
  HTTP_METHODS,
  LOG_STATUSES,
} from '../../../src/shared/model/vocabulary.ts';

const rules: RetryRules = {
  isRetryEnabled: true,
  schedule: [5_000, 30_000, 120_000],
  jitter: 0.2,
  retry5xx: true,
  receiverDeduplicates: false,
};
const fresh: RetryProgress = { stepsUsed: 0, deliverBy: null, isCancelled: false };
const NOON = Date.parse('2026-11-25T12:00:00.000Z');

function failed(about: Partial<FailedOutcome>): FailedOutcome {
  return {
    status: 'FAIL',
    certainty: 'REFUSED_RETRYABLE',
    errorKind: 'HTTP_STATUS',
    responseStatusCode: 503,
    requestMethod: 'POST',
    endedAt: NOON,
    retryAfter: null,
    ...about,
  };
}

describe('what is tried again by itself', () => {
  const broken = {
    certainty: 'UNKNOWN',
    errorKind: 'CONNECTION_LOST',
    responseStatusCode: null,
  } as const;
  const bad = { certainty: 'UNKNOWN', errorKind: 'HTTP_STATUS', responseStatusCode: 502 } as const;
  test.each([
    ['a refusal for now', {}, {}, null],
    ['a refusal for good', { certainty: 'REFUSED', responseStatusCode: 400 }, {}, 'REFUSED'],
    ['a 502', bad, {}, null],
    ['a 502 where the rule says no', bad, { retry5xx: false }, 'DOUBT'],
    ['a broken connection', broken, {}, 'DOUBT'],
    ['a broken connection to one that drops repeats', broken, { receiverDeduplicates: true }, null],
    ['a broken PUT', { ...broken, requestMethod: 'PUT' }, {}, null],
    ['a broken DELETE', { ...broken, requestMethod: 'DELETE' }, {}, null],
    ['a broken PATCH', { ...broken, requestMethod: 'PATCH' }, {}, 'DOUBT'],
    ['a 500 whose answer broke off', { ...broken, responseStatusCode: 500 }, {}, 'DOUBT'],
    ['a crash in flight', { ...broken, errorKind: 'CRASH' }, {}, 'DOUBT'],
    [
      'a task that died',
      { ...broken, errorKind: 'HANDLER' },
      { receiverDeduplicates: true },
      'DIED',
    ],
    ['what was not sent', { certainty: 'NOT_SENT', errorKind: 'CONNECT' }, {}, null],
    ['a mapping that failed', { certainty: 'NOT_SENT', errorKind: 'PAYLOAD' }, {}, 'MESSAGE'],
    ['what was handed on', { status: 'QUEUED', certainty: 'COMMITTED' }, {}, 'DONE'],
    ['what was suppressed', { status: 'SUPPRESSED' }, {}, 'SUPPRESSED'],
    ['under a rule without retries', {}, { isRetryEnabled: false }, 'SWITCHED_OFF'],
  ] as const)('%s', (_, about, rule, why) => {
    expect(whyNoRetry(failed(about as Partial<FailedOutcome>), { ...rules, ...rule })).toBe(why);
  });

  test('never what a person has cancelled', () => {
    const retry = automaticRetry(failed({}), rules, { ...fresh, isCancelled: true }, 0.5);
    expect(retry).toEqual({ kind: 'NONE', why: 'CANCELLED' });
  });
});

describe('when', () => {
  test.each([
    [0, 0, 4_000],
    [0, 0.5, 5_000],
    [0, 0.999_999, 6_000],
    [1, 0.5, 30_000],
    [2, 0.5, 120_000],
  ])('step %i with random %d waits %i ms', (stepsUsed, random, wait) => {
    const retry = automaticRetry(failed({}), rules, { ...fresh, stepsUsed }, random);
    expect(retry).toEqual({
      kind: 'SCHEDULED',
      at: NOON + wait,
      notBefore: null,
      step: stepsUsed + 1,
    });
  });

  test('is over after the last step', () => {
    const retry = automaticRetry(failed({}), rules, { ...fresh, stepsUsed: 3 }, 0.5);
    expect(retry).toEqual({ kind: 'EXHAUSTED', why: 'CAP' });
  });

  test('is not before the partner wants it, and not all at once then', () => {
    const at = (random: number) =>
      automaticRetry(failed({ retryAfter: 60_000 }), rules, fresh, random);
    expect(at(0)).toMatchObject({ at: NOON + 60_000, notBefore: NOON + 60_000 });
    expect(at(0.5)).toMatchObject({ at: NOON + 60_500, notBefore: NOON + 60_000 });
  });

  test('is within the hour, however long the partner wants to be left alone', () => {
    const retry = automaticRetry(failed({ retryAfter: 86_400_000 }), rules, fresh, 0);
    expect(retry).toMatchObject({ at: NOON + 3_600_000 });
  });

  test('is at the deadline at the latest, and over after it', () => {
    const late = { ...fresh, deliverBy: NOON + 2_000 };
    expect(automaticRetry(failed({ retryAfter: 60_000 }), rules, late, 0.5)).toMatchObject({
      at: NOON + 2_000,
      notBefore: NOON + 2_000,
    });
    const over = automaticRetry(failed({ endedAt: NOON + 2_000 }), rules, late, 0.5);
    expect(over).toEqual({ kind: 'EXHAUSTED', why: 'DEADLINE' });
  });
});

describe('which bytes', () => {
  test.each([
    ['REFUSED_RETRYABLE', false, false, 'FRESH'],
    ['NOT_SENT', false, false, 'FRESH'],
    ['UNKNOWN', false, false, 'STORED'],
    ['REFUSED_RETRYABLE', true, false, 'STORED'],
    ['REFUSED_RETRYABLE', false, true, 'STORED'],
  ] as const)('after %s, may be held %s, fixed %s: %s', (certainty, mayBeHeld, isFixed, bytes) => {
    expect(bodyOfAutomaticRetry({ certainty, mayBeHeld, isFixed })).toBe(bytes);
  });
});

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Wed, 25 Nov 2026 12:01:00 GMT', 60_000],
  ['Wed, 25 Nov 2026 11:00:00 GMT', 0],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['2026-11-25', null],
  ['', null],
  [undefined, null],
])('reads Retry-After: %s', (value, wait) => {
  expect(retryAfterOf(value, NOON)).toBe(wait);
});

test.each(['Asia/Kolkata', 'America/New_York'])(
  'a Retry-After in the old form of a date means GMT, also where LabRelay runs in %s',
  (zone) => {
    // A process has its zone from its start.
    const file = new URL('../../../src/shared/model/retry-policy.ts', import.meta.url).href;
    const dates = ['Wed Nov 25 12:01:00 2026', 'Wed, 25 Nov 2026 17:31:00 +0530'];
    const script = `const { retryAfterOf } = await import(${JSON.stringify(file)});
      console.log(${JSON.stringify(dates)}.map((date) => retryAfterOf(date, ${NOON})).join());`;
    const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { TZ: zone },
      encoding: 'utf8',
    });
    expect(told.trim()).toBe('60000,60000');
  },
);

test('a partner that asks for ages is left alone for as long as any', () => {
  const ages = retryAfterOf('99999999999999999999', NOON);
  expect(ages).toBeGreaterThan(RETRY_AFTER_AT_MOST_MS);
  expect(automaticRetry(failed({ retryAfter: ages }), rules, fresh, 0)).toMatchObject({
    kind: 'SCHEDULED',
    notBefore: failed({}).endedAt + RETRY_AFTER_AT_MOST_MS,
  });
});

const anyOutcome = fc.record<FailedOutcome>({
  status: fc.constantFrom(...LOG_STATUSES),
  certainty: fc.constantFrom(...CERTAINTIES, null),
  errorKind: fc.constantFrom(...ERROR_KINDS, null),
  responseStatusCode: fc.option(fc.integer({ min: 200, max: 599 })),
  requestMethod: fc.constantFrom(...HTTP_METHODS, null),
  endedAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  retryAfter: fc.option(fc.integer({ min: 0, max: 10_000_000_000 })),
});
const anyRules = fc.record<RetryRules>({
  isRetryEnabled: fc.boolean(),
  schedule: fc.array(fc.integer({ min: 1_000, max: 604_800_000 }), { maxLength: 20 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  retry5xx: fc.boolean(),
  receiverDeduplicates: fc.boolean(),
});
const anyProgress = fc.record<RetryProgress>({
  stepsUsed: fc.nat(30),
  deliverBy: fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 })),
  isCancelled: fc.boolean(),
});
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('never more retries than the schedule has steps, and none for a class that forbids it', () => {
  fc.assert(
    fc.property(anyOutcome, anyRules, anyProgress, anyRandom, (outcome, rule, progress, random) => {
      const retry = automaticRetry(outcome, rule, progress, random);
      if (retry.kind !== 'SCHEDULED') return;
      expect(rule.isRetryEnabled).toBe(true);
      expect(progress.isCancelled).toBe(false);
      expect(retry.step).toBe(progress.stepsUsed + 1);
      expect(retry.step).toBeLessThanOrEqual(rule.schedule.length);
      expect(outcome.status).toBe('FAIL');
      expect(['NOT_SENT', 'REFUSED_RETRYABLE', 'UNKNOWN']).toContain(outcome.certainty);
      if (outcome.certainty === 'UNKNOWN') {
        const may =
          rule.receiverDeduplicates ||
          ['GET', 'PUT', 'DELETE'].includes(outcome.requestMethod ?? '') ||
          (rule.retry5xx && (outcome.responseStatusCode ?? 0) >= 500);
        expect(may).toBe(true);
      }
    }),
  );
});

test('never before the partner wants it (within an hour), never after the deadline', () => {
  fc.assert(
    fc.property(anyOutcome, anyRules, anyProgress, anyRandom, (outcome, rule, progress, random) => {
      const retry = automaticRetry(outcome, rule, progress, random);
      if (retry.kind !== 'SCHEDULED') return;
      const latest = progress.deliverBy ?? Number.POSITIVE_INFINITY;
      expect(retry.at).toBeLessThanOrEqual(latest);
      expect(retry.at).toBeGreaterThanOrEqual(outcome.endedAt);
      const asked = Math.min(outcome.retryAfter ?? 0, 3_600_000);
      expect(retry.at).toBeGreaterThanOrEqual(Math.min(outcome.endedAt + asked, latest));
    }),
  );
});
