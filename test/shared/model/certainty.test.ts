import { describe, expect, test } from 'vitest';
import {
  certaintyOf,
  certaintyOfError,
  certaintyOfStatus,
  statusOfCertainty,
} from '../../../src/shared/model/certainty.ts';
import {
  CERTAINTIES,
  type Certainty,
  ERROR_KINDS,
  type ErrorKind,
  type LogStatus,
} from '../../../src/shared/model/vocabulary.ts';

/** The certainty table of the design, written out: which codes say what of an HTTP answer. */
function tabled(code: number): Certainty {
  if ([408, 425, 429, 503].includes(code)) return 'REFUSED_RETRYABLE';
  const hundreds = Math.floor(code / 100);
  if (hundreds === 2) return 'ACCEPTED';
  if (hundreds === 3 || hundreds === 4) return 'REFUSED';
  return 'UNKNOWN';
}

const EVERY_CODE = Array.from({ length: 400 }, (_, index) => 200 + index);

/** Before any byte left, the receiver cannot have it; afterwards nobody knows. */
const BY_ERROR: Record<ErrorKind, Certainty> = {
  DNS: 'NOT_SENT',
  CONNECT: 'NOT_SENT',
  CONNECT_TIMEOUT: 'NOT_SENT',
  TLS: 'NOT_SENT',
  TIMEOUT_BEFORE_SEND: 'NOT_SENT',
  PAYLOAD: 'NOT_SENT',
  CONFIGURATION: 'NOT_SENT',
  CREDENTIALS: 'NOT_SENT',
  TARGET_REFUSED: 'NOT_SENT',
  TIMEOUT: 'UNKNOWN',
  CONNECTION_LOST: 'UNKNOWN',
  BAD_RESPONSE: 'UNKNOWN',
  HTTP_STATUS: 'UNKNOWN',
  CRASH: 'UNKNOWN',
  HANDLER: 'UNKNOWN',
  LEASE_EXPIRED: 'UNKNOWN',
};

describe('an answer', () => {
  test('is judged by its status code as the table says, for every code', () => {
    for (const code of EVERY_CODE)
      expect([code, certaintyOfStatus(code)]).toEqual([code, tabled(code)]);
  });

  test('that is no final one, or none at all of HTTP, leaves it unknown', () => {
    for (const code of [100, 101, 102, 103, 600, 999]) {
      expect(certaintyOfStatus(code)).toBe('UNKNOWN');
    }
  });

  test('is judged by the rule’s override where it has one for the code, and for no other', () => {
    for (const certainty of CERTAINTIES) {
      for (const code of EVERY_CODE) {
        expect(certaintyOfStatus(code, { [code]: certainty })).toBe(certainty);
        expect(certaintyOfStatus(code, { [code + 1]: certainty })).toBe(tabled(code));
      }
    }
  });
});

describe('an error', () => {
  test.each(ERROR_KINDS)('%s says whether bytes may have left', (kind) => {
    expect(certaintyOfError(kind)).toBe(BY_ERROR[kind]);
    expect(certaintyOf({ errorKind: kind, responseStatusCode: null })).toBe(BY_ERROR[kind]);
  });

  test('after the status line outweighs the code, whatever it was: half an answer is no answer', () => {
    for (const kind of ERROR_KINDS.filter((one) => one !== 'HTTP_STATUS')) {
      for (const code of EVERY_CODE) {
        expect(certaintyOf({ errorKind: kind, responseStatusCode: code })).toBe(BY_ERROR[kind]);
        const overrides = { [code]: 'ACCEPTED' } as const;
        expect(certaintyOf({ errorKind: kind, responseStatusCode: code }, overrides)).toBe(
          BY_ERROR[kind],
        );
      }
    }
  });

  test('HTTP_STATUS only names the kind: the code decides', () => {
    for (const code of EVERY_CODE) {
      const facts = { errorKind: 'HTTP_STATUS', responseStatusCode: code } as const;
      expect(certaintyOf(facts)).toBe(tabled(code));
      expect(certaintyOf(facts, { [code]: 'COMMITTED' })).toBe('COMMITTED');
    }
  });
});

test('nothing known at all is unknown', () => {
  expect(certaintyOf({ errorKind: null, responseStatusCode: null })).toBe('UNKNOWN');
});

test('a log shows each certainty as the words say', () => {
  const shown: Record<Certainty, LogStatus> = {
    NOT_SENT: 'FAIL',
    REFUSED_RETRYABLE: 'FAIL',
    REFUSED: 'FAIL',
    UNKNOWN: 'FAIL',
    COMMITTED: 'QUEUED',
    ACCEPTED: 'SUCCESS',
  };
  for (const certainty of CERTAINTIES) {
    expect(statusOfCertainty(certainty)).toBe(shown[certainty]);
  }
});
