import { describe, expect, test } from 'vitest';
import {
  type ManualRetryFacts,
  manualRetryVerdict,
  RETRY_DOUBTS,
  sentenceOf,
} from '../../../src/shared/model/retry-verdict.ts';

const facts: ManualRetryFacts = {
  certainty: 'NOT_SENT',
  resolution: null,
  mayHold: [],
  isBodyChanged: false,
  isReconfigured: false,
  isOvertaken: false,
};

describe('the certainty table for people', () => {
  test.each([
    ['NOT_SENT', {}, 'FREE', []],
    [null, {}, 'FREE', []],
    ['REFUSED_RETRYABLE', {}, 'FREE', []],
    ['REFUSED', {}, 'REASON', ['REFUSED_UNCHANGED']],
    ['REFUSED', { isBodyChanged: true }, 'FREE', []],
    ['REFUSED', { isReconfigured: true }, 'FREE', []],
    ['UNKNOWN', {}, 'REASON', ['MAY_HOLD']],
    ['UNKNOWN', { isBodyChanged: true, isReconfigured: true }, 'REASON', ['MAY_HOLD']],
    ['UNKNOWN', { resolution: 'not_delivered' }, 'FREE', []],
    ['UNKNOWN', { resolution: 'not_delivered', mayHold: [1] }, 'FREE', []],
    ['UNKNOWN', { resolution: 'delivered' }, 'REASON', ['ACCEPTED']],
    ['COMMITTED', {}, 'CONFIRM', ['HANDED_ON']],
    ['COMMITTED', { mayHold: [1] }, 'CONFIRM', ['HANDED_ON']],
    ['COMMITTED', { resolution: 'not_delivered' }, 'FREE', []],
    ['ACCEPTED', {}, 'REASON', ['ACCEPTED']],
    ['ACCEPTED', { isBodyChanged: true }, 'REASON', ['ACCEPTED']],
    ['NOT_SENT', { mayHold: [1] }, 'REASON', ['MAY_HOLD']],
    ['REFUSED', { mayHold: [1] }, 'REASON', ['REFUSED_UNCHANGED', 'MAY_HOLD']],
    ['NOT_SENT', { isOvertaken: true }, 'REASON', ['OVERTAKEN']],
    ['COMMITTED', { isOvertaken: true }, 'REASON', ['HANDED_ON', 'OVERTAKEN']],
  ] as const)('%s with %o: %s', (certainty, more, terms, doubts) => {
    expect(manualRetryVerdict({ ...facts, ...more, certainty })).toEqual({ terms, doubts });
  });
});

describe('in words', () => {
  test('names the revisions that the receiver may hold', () => {
    expect(sentenceOf('MAY_HOLD', { mayHold: [1], isBodyChanged: true })).toContain('revision 1;');
    expect(sentenceOf('MAY_HOLD', { mayHold: [1, 2, 4], isBodyChanged: false })).toContain(
      'revisions 1, 2 and 4',
    );
  });

  test('every doubt has its own sentence', () => {
    const known = RETRY_DOUBTS.map((doubt) =>
      sentenceOf(doubt, { mayHold: [], isBodyChanged: false }),
    );
    expect(new Set(known).size).toBe(RETRY_DOUBTS.length);
  });
});
