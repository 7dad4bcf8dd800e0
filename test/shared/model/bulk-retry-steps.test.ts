import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BULK_RETRY_ACTIONS,
  BULK_RETRY_STATES,
  type BulkOutcome,
  type BulkRetryState,
  type QueuedBulkItem,
} from '../../../src/shared/model/bulk-retry.ts';
import {
  countFailures,
  endOf,
  failureClassOf,
  isGoing,
  lacksReason,
  stepOf,
  stuckCanary,
} from '../../../src/shared/model/bulk-retry-steps.ts';

const D = 'ALREADY_DONE';
const N = 'NOT_NOW';

/** Where each act leads from each state, with a canary. */
const STEPS: Record<(typeof BULK_RETRY_ACTIONS)[number], Record<BulkRetryState, string>> = {
  start: {
    PLANNING: N,
    PLANNED: 'CANARY',
    CANARY: D,
    RUNNING: D,
    PAUSED: D,
    STOPPED: D,
    DONE: D,
    CANCELLED: D,
  },
  pause: {
    PLANNING: N,
    PLANNED: N,
    CANARY: 'PAUSED',
    RUNNING: 'PAUSED',
    PAUSED: D,
    STOPPED: D,
    DONE: D,
    CANCELLED: D,
  },
  resume: {
    PLANNING: N,
    PLANNED: N,
    CANARY: D,
    RUNNING: D,
    PAUSED: 'CANARY',
    STOPPED: 'CANARY',
    DONE: D,
    CANCELLED: D,
  },
  cancel: {
    PLANNING: 'CANCELLED',
    PLANNED: 'CANCELLED',
    CANARY: 'CANCELLED',
    RUNNING: 'CANCELLED',
    PAUSED: 'CANCELLED',
    STOPPED: 'CANCELLED',
    DONE: D,
    CANCELLED: D,
  },
};

describe('an act', () => {
  const cases = BULK_RETRY_ACTIONS.flatMap((action) =>
    BULK_RETRY_STATES.map((state) => [action, state, STEPS[action][state]] as const),
  );
  test.each(cases)('%s of one that is %s: %s', (action, state, expected) => {
    const step = stepOf(state, action, true);
    expect(step.kind === 'GOES_TO' ? step.state : step.kind).toBe(expected);
  });

  test('sets one without a canary running at once', () => {
    expect(stepOf('PLANNED', 'start', false)).toEqual({ kind: 'GOES_TO', state: 'RUNNING' });
    expect(stepOf('STOPPED', 'resume', false)).toEqual({ kind: 'GOES_TO', state: 'RUNNING' });
  });

  test('never leads out of an end, and only a start out of PLANNED sends', () => {
    const acts = fc.array(fc.constantFrom(...BULK_RETRY_ACTIONS), { maxLength: 30 });
    fc.assert(
      fc.property(acts, fc.boolean(), (actions, hasCanary) => {
        let state: BulkRetryState = 'PLANNED';
        let hasStarted = false;
        for (const action of actions) {
          const step = stepOf(state, action, hasCanary);
          if (step.kind !== 'GOES_TO') continue;
          expect(['DONE', 'CANCELLED']).not.toContain(state);
          if (action === 'start') {
            expect(hasStarted).toBe(false);
            hasStarted = true;
          }
          ({ state } = step);
          if (isGoing(state)) expect(hasStarted).toBe(true);
        }
      }),
    );
  });
});

const outcome = (more: Partial<BulkOutcome>): BulkOutcome => ({
  status: 'FAIL',
  certainty: 'UNKNOWN',
  errorKind: null,
  responseStatusCode: null,
  ...more,
});

describe('the class of a failure', () => {
  test.each([
    ['HTTP_STATUS 500', { errorKind: 'HTTP_STATUS', responseStatusCode: 500 }],
    ['HTTP_STATUS 503', { responseStatusCode: 503, certainty: 'REFUSED_RETRYABLE' }],
    ['TIMEOUT', { errorKind: 'TIMEOUT' }],
    ['BAD_RESPONSE 200', { errorKind: 'BAD_RESPONSE', responseStatusCode: 200 }],
    ['FAIL', {}],
    // Suppression hides the status, not that it was refused.
    ['HTTP_STATUS 400', { status: 'SUPPRESSED', certainty: 'REFUSED', responseStatusCode: 400 }],
  ] as const)('is %s', (expected, more) => {
    expect(failureClassOf(outcome(more))).toBe(expected);
  });

  test.each([
    { status: 'SUCCESS', certainty: 'ACCEPTED', responseStatusCode: 200 },
    { status: 'QUEUED', certainty: 'COMMITTED' },
    { status: 'SUPPRESSED', certainty: 'ACCEPTED', responseStatusCode: 209 },
  ] as const)('is none of what has arrived: $status $certainty', (more) => {
    expect(failureClassOf(outcome(more))).toBeNull();
  });
});

describe('counting failures', () => {
  test('tells the class that has reached the bound, and leaves out our own crashes', () => {
    const before = { 'HTTP_STATUS 500': 8, TIMEOUT: 9 };
    expect(countFailures(before, ['HTTP_STATUS 500', 'CRASH', 'CRASH'], 10)).toEqual({
      counts: { 'HTTP_STATUS 500': 9, TIMEOUT: 9 },
      reached: null,
    });
    expect(countFailures(before, ['HTTP_STATUS 500', 'TIMEOUT'], 10).reached).toBe('TIMEOUT');
  });
});

const item = (more: Partial<QueuedBulkItem> = {}): QueuedBulkItem => ({
  position: 1,
  labIntegrationId: 7,
  isCanary: false,
  queuedAt: 0,
  made: null,
  later: null,
  task: null,
  ...more,
});
const own = { isOwn: true, isHeld: false, waitsForEndpoint: false };
const made = {
  status: 'FAIL',
  certainty: 'UNKNOWN',
  errorKind: 'TIMEOUT',
  responseStatusCode: null,
  endedAt: 9,
  bulkRetryId: 'b',
} as const;
const under = { ...made, status: null, certainty: null, errorKind: null, endedAt: null };

describe('what became of a queued log', () => {
  test.each([
    ['nothing while it is in the queue', item({ task: own })],
    ['nothing while its attempt is under way', item({ made: under })],
  ])('%s', (_, queued) => expect(endOf(queued, 'b', 50)).toBeNull());

  test('is its own attempt’s end, whatever the log does afterwards', () => {
    const { status, certainty, errorKind, responseStatusCode } = made;
    const ended = {
      position: 1,
      isCanary: false,
      endedAt: 9,
      outcome: { status, certainty, errorKind, responseStatusCode },
    };
    expect(endOf(item({ made, task: { ...own, isOwn: false } }), 'b', 50)).toEqual(ended);
    // Its own was folded into a note: the newest since tells it.
    expect(endOf(item({ later: { ...made, bulkRetryId: null } }), 'b', 50)).toEqual(ended);
  });

  test.each([
    ['its task is gone', item()],
    ['its task is another one', item({ task: { ...own, isOwn: false } })],
    ['the attempt is somebody else’s', item({ made: { ...made, bulkRetryId: 'other' } })],
  ])('is that it was taken out where %s', (_, queued) => {
    expect(endOf(queued, 'b', 50)).toMatchObject({ outcome: null, endedAt: 50 });
  });
});

test('a canary is stuck where it is held or its endpoint is down, and not once it is under way', () => {
  expect(stuckCanary(item({ task: own }))).toBeNull();
  expect(stuckCanary(item({ task: { ...own, isHeld: true } }))).toBe('HELD');
  expect(stuckCanary(item({ task: { ...own, waitsForEndpoint: true } }))).toBe('ENDPOINT_DOWN');
  expect(stuckCanary(item({ made: under }))).toBeNull();
});

test('a plan lacks a reason where a doubt keeps some of it back, not where something else does', () => {
  expect(lacksReason({ refusedBy: [{ verdict: 'UNDER_WAY', count: 1 }] })).toBe(false);
  expect(lacksReason({ refusedBy: [{ verdict: 'OVERTAKEN', count: 1 }] })).toBe(true);
});
