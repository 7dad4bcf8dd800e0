import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  enrichedPayload,
  readEnrichedPayload,
} from '../../../src/main/engine/callback/enriched-payload.ts';
import { reportOfOutcome } from '../../../src/main/engine/callback/outcome-report.ts';
import { maskHeaders } from '../../../src/main/engine/dispatch/masking.ts';
import type { Outcome } from '../../../src/main/engine/dispatch/transport.ts';
import { type CallbackReport, callbackReport } from '../../../src/shared/contract/callback.ts';
import { parseInput } from '../../../src/shared/contract/common.ts';
import type { AttemptReport, IntegrationPayload } from '../../../src/shared/model/delivery.ts';
import { CERTAINTIES, LOG_STATUSES, STAGES } from '../../../src/shared/model/vocabulary.ts';

const LOG_ID = '0193a5c0-0000-7000-8000-000000000001';
const NOW = 1_700_000_000_000;

/** What the route makes of a posted document. */
function read(body: unknown, overrides = {}, reporter: string | null = 'Mirth'): AttemptReport {
  const context = { overrides, secretHeaders: ['x-partner-code'], reporter, now: NOW };
  return readEnrichedPayload(parseInput(callbackReport, body), context);
}

const PAYLOAD: IntegrationPayload = {
  log_id: LOG_ID,
  attempt_id: `${LOG_ID}_a1`,
  integration_callback_url: 'http://127.0.0.1:7420/integration_callback/',
  lab_id: 1,
  lab_integration_id: 2,
  action_category: 'BILL_GENERATED',
  event_id: null,
};

/** As our own worker posts a report. */
function posted(report: AttemptReport, requestBody: string) {
  const attempt = { attempt_id: `${report.logId}_a${report.attempt}`, log_id: report.logId };
  return enrichedPayload({ ...PAYLOAD, ...attempt }, report, requestBody);
}

/** Over the wire: JSON text out, JSON text in, checked as the route checks it. */
function overHttp(report: AttemptReport, requestBody: string, overrides: object): AttemptReport {
  return read(JSON.parse(JSON.stringify(posted(report, requestBody))), overrides, null);
}

describe('our own worker’s report', () => {
  const headers = fc
    .dictionary(fc.constantFrom('x-a', 'x-api-key', 'authorization', 'vary'), fc.string())
    .map((record) => maskHeaders(record));
  const body = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom('', '{"message":"#NOTFORDASHBOARD"}', '{"message":"ok"}', '\u0000\u0001'),
  );
  const base = fc.record({
    responseHeaders: headers,
    responseBody: body,
    responseBodyCut: fc.boolean(),
    responseTime: fc.nat(),
  });
  const code = fc.oneof(
    fc.constantFrom(200, 201, 209, 400, 429, 503, 500),
    fc.integer({ min: 200, max: 999 }),
  );
  const whole = fc.tuple(base, code).map(
    ([rest, responseStatusCode]): Outcome => ({
      ...rest,
      responseStatusCode,
      errorKind: null,
      errorMessage: null,
    }),
  );
  const broken = fc
    .tuple(base, fc.constantFrom('TIMEOUT', 'CONNECTION_LOST', 'BAD_RESPONSE'), fc.option(code))
    .map(
      ([rest, errorKind, responseStatusCode]): Outcome => ({
        ...rest,
        errorKind,
        errorMessage: 'It broke.',
        responseStatusCode,
        responseBody: responseStatusCode === null ? null : rest.responseBody,
        responseHeaders: responseStatusCode === null ? null : rest.responseHeaders,
      }),
    );
  const unsent = fc
    .constantFrom(
      'DNS',
      'CONNECT',
      'CONNECT_TIMEOUT',
      'TLS',
      'TIMEOUT_BEFORE_SEND',
      'CONFIGURATION',
    )
    .map(
      (errorKind): Outcome => ({
        errorKind,
        errorMessage: 'It was not sent.',
        responseStatusCode: null,
        responseHeaders: null,
        responseBody: null,
        responseBodyCut: false,
        responseTime: 3,
      }),
    );
  const overrides = fc.dictionary(
    fc.constantFrom('200', '209', '400', '500', '503'),
    fc.constantFrom(...CERTAINTIES),
  );

  test('is the same report after its way over HTTP, whatever became of the attempt', () => {
    fc.assert(
      fc.property(
        fc.oneof(whole, broken, unsent),
        overrides,
        fc.option(headers),
        fc.integer({ min: 1, max: 999 }),
        (outcome, rules, storedHeaders, attempt) => {
          const report = reportOfOutcome(
            { logId: LOG_ID, attempt },
            storedHeaders === null ? null : 'http://127.0.0.1:9/bills',
            storedHeaders,
            outcome,
            rules,
            NOW - 5,
          );
          expect(overHttp(report, '{"bill":1}', rules)).toEqual({ ...report, receivedAt: NOW });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('stands as it was judged, even where the rule has been changed since', () => {
    const outcome: Outcome = {
      errorKind: null,
      errorMessage: null,
      responseStatusCode: 404,
      responseHeaders: {},
      responseBody: '',
      responseBodyCut: false,
      responseTime: 1,
    };
    const task = { logId: LOG_ID, attempt: 1 };
    const report = reportOfOutcome(task, null, {}, outcome, { 404: 'ACCEPTED' }, NOW);
    expect(overHttp(report, '{}', {})).toMatchObject({ status: 'SUCCESS', certainty: 'ACCEPTED' });
  });

  test('is never too large for the route, whatever the bodies escape to', () => {
    const outcome: Outcome = {
      errorKind: null,
      errorMessage: null,
      responseStatusCode: 200,
      responseHeaders: {},
      responseBody: '\u0001'.repeat(256 * 1024),
      responseBodyCut: false,
      responseTime: 1,
    };
    const report = reportOfOutcome({ logId: LOG_ID, attempt: 1 }, null, {}, outcome, {}, NOW);
    for (const requestBody of ['\u0001'.repeat(512 * 1024), '"'.repeat(20_000_000)]) {
      const text = JSON.stringify(posted(report, requestBody));
      expect(text.length).toBeLessThan(10 * 1024 * 1024);
      expect(overHttp(report, requestBody, {})).toEqual({ ...report, receivedAt: NOW });
    }
  });

  test('repeats the body that was sent, in the guide’s words', () => {
    const outcome = { errorKind: null, errorMessage: null, responseStatusCode: 201 } as const;
    const rest = {
      responseHeaders: {},
      responseBody: 'b',
      responseBodyCut: false,
      responseTime: 12,
    };
    const task = { logId: LOG_ID, attempt: 2 };
    const report = reportOfOutcome(task, 'http://p/', { a: 'b' }, { ...outcome, ...rest }, {}, NOW);
    expect(posted(report, '{"bill":1}')).toEqual({
      ...PAYLOAD,
      log_id: LOG_ID,
      attempt_id: `${LOG_ID}_a2`,
      status: 'SUCCESS',
      stage: 'REPORTED',
      end_point: 'http://p/',
      request_headers: { a: 'b' },
      request_body: '{"bill":1}',
      response_headers: {},
      response_body: 'b',
      response_body_cut: false,
      response_status_code: 201,
      response_time: 12,
      error_kind: null,
      error_message: null,
      activity_date: '2023-11-14T22:13:20.000Z',
    });
  });
});

describe('an outside reporter', () => {
  const minimal = (more: Omit<Partial<CallbackReport>, 'log_id'>) =>
    read({ log_id: LOG_ID, ...more });

  test('is judged by code and suppression as our own worker is, if it tells no status', () => {
    expect(minimal({ response_status_code: 200 })).toMatchObject({
      status: 'SUCCESS',
      certainty: 'ACCEPTED',
      stage: 'REPORTED',
      attempt: null,
      activityDate: NOW,
    });
    expect(minimal({ response_status_code: 503 })).toMatchObject({
      status: 'FAIL',
      certainty: 'REFUSED_RETRYABLE',
      errorKind: 'HTTP_STATUS',
      errorMessage: 'The partner answered 503 Service Unavailable.',
    });
    expect(minimal({ error_kind: 'DNS' })).toMatchObject({ status: 'FAIL', certainty: 'NOT_SENT' });
    expect(minimal({ response_status_code: 209, status: 'FAIL' })).toMatchObject({
      status: 'SUPPRESSED',
      certainty: 'ACCEPTED',
    });
    const message = { message: '#NOTFORDASHBOARD' };
    expect(minimal({ response_status_code: 500, response_body: message })).toMatchObject({
      status: 'SUPPRESSED',
      certainty: 'UNKNOWN',
      responseBody: '{"message":"#NOTFORDASHBOARD"}',
    });
    const overridden = read({ log_id: LOG_ID, response_status_code: 404 }, { 404: 'ACCEPTED' });
    expect(overridden).toMatchObject({ status: 'SUCCESS', certainty: 'ACCEPTED' });
  });

  test('may say more than a code does, but a failure is never called accepted', () => {
    expect(minimal({ status: 'SUCCESS' })).toMatchObject({ certainty: 'ACCEPTED' });
    expect(minimal({ status: 'QUEUED' })).toMatchObject({ certainty: 'COMMITTED', stage: null });
    expect(minimal({ status: 'FAIL' })).toMatchObject({ certainty: 'UNKNOWN', errorKind: null });
    const told = {
      status: 'FAIL',
      response_status_code: 200,
      error_message: 'no such test',
    } as const;
    expect(minimal(told)).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
      errorKind: 'HTTP_STATUS',
      // Marked as somebody else's words, which may quote a patient's data.
      errorMessage: 'Reported by the worker: no such test',
    });
    expect(minimal({ status: 'SUPPRESSED' })).toMatchObject({ certainty: 'ACCEPTED' });
  });

  test('that says PENDING tells of no outcome, unless it tells of one all the same', () => {
    expect(minimal({ status: 'PENDING' })).toMatchObject({ status: 'PENDING', stage: null });
    expect(minimal({ status: 'PENDING', response_status_code: 500 })).toMatchObject({
      status: 'FAIL',
      certainty: 'UNKNOWN',
    });
  });

  test('may report a stage alone, or beside a status', () => {
    for (const stage of STAGES) {
      expect(minimal({ stage })).toMatchObject({ status: null, certainty: null, stage });
      expect(minimal({ stage, status: 'QUEUED' })).toMatchObject({ status: 'QUEUED', stage });
    }
  });

  test('may send headers, bodies and times of other make; they are kept in ours', () => {
    const report = minimal({
      response_status_code: 200,
      response_time: 12.6,
      response_body: { ok: true },
      request_headers: {
        Authorization: 'Bearer s3cret',
        'X-Partner-Code': 's3cret',
        'X-Count': 3,
        'X-List': ['a', 'b'],
      },
      response_headers: { 'Set-Cookie': 'sid=s3cret', 'x-partner-code': 's3cret' },
      activity_date: '2023-11-14T23:13:20+01:00',
    });
    expect(report).toMatchObject({
      responseTime: 13,
      responseBody: '{"ok":true}',
      requestHeaders: {
        authorization: 'Bearer ••••',
        'x-partner-code': '••••',
        'x-count': '3',
        'x-list': 'a, b',
      },
      responseHeaders: { 'set-cookie': '••••', 'x-partner-code': '••••' },
      activityDate: NOW,
    });
    expect(JSON.stringify(report)).not.toContain('s3cret');
  });

  test('cannot date a report into the future, nor send more than is kept', () => {
    expect(minimal({ stage: 'MIRTH', activity_date: '2099-01-01T00:00:00Z' }).activityDate).toBe(
      NOW,
    );
    const long = minimal({ response_status_code: 200, response_body: 'x'.repeat(300_000) });
    expect(long.responseBody).toHaveLength(256 * 1024);
    expect(long.responseBodyCut).toBe(true);
  });
});

describe('a report is refused', () => {
  const refusal = (body: object, overrides = {}) => {
    try {
      read({ log_id: LOG_ID, ...body }, overrides);
    } catch (error) {
      return (error as { errors: { field: string; reason: string }[] }).errors;
    }
    throw new Error('it was not refused');
  };

  test.each([
    ['that says nothing', {}, 'status'],
    ['of another log’s attempt', { attempt_id: 'other_a1', stage: 'MIRTH' }, 'attempt_id'],
    ['of what is no attempt', { attempt_id: LOG_ID, stage: 'MIRTH' }, 'attempt_id'],
    ['of attempt 0', { attempt_id: `${LOG_ID}_a0`, stage: 'MIRTH' }, 'attempt_id'],
    ['with a status of its own', { status: 'DONE' }, 'status'],
    ['with a stage of its own', { stage: 'done' }, 'stage'],
    [
      'with a time without a zone',
      { stage: 'MIRTH', activity_date: '2026-01-01' },
      'activity_date',
    ],
    ['with a code that is none', { response_status_code: 20 }, 'response_status_code'],
    ['with a negative time', { stage: 'MIRTH', response_time: -1 }, 'response_time'],
  ])('%s', (_, body, field) => {
    expect(refusal(body)).toMatchObject([{ field, reason: expect.stringMatching(/./) }]);
  });
});

describe('a report that contradicts itself', () => {
  const success = { status: 'SUCCESS' } as const;
  const failed = { status: 'FAIL' } as const;
  const told = (body: object, overrides = {}) => {
    try {
      return read({ log_id: LOG_ID, ...body }, overrides).status;
    } catch (error) {
      return (error as { errors: { field: string }[] }).errors[0]?.field;
    }
  };

  test.each([
    [{ ...success, response_status_code: 500 }, {}],
    [{ ...success, response_status_code: 404 }, {}],
    [{ ...success, response_status_code: 302 }, {}],
    [{ ...success, response_status_code: 200 }, { 200: 'REFUSED' }],
    [{ status: 'QUEUED', response_status_code: 503 }, {}],
    [{ ...failed, response_status_code: 200 }, {}],
    [{ ...failed, response_status_code: 404 }, { 404: 'ACCEPTED' }],
  ])('%j (overrides %j) is refused by response_status_code', (body, overrides) => {
    expect(told(body, overrides)).toBe('response_status_code');
  });

  test('of success with an error is refused by error_kind', () => {
    expect(told({ ...success, error_kind: 'TIMEOUT' })).toBe('error_kind');
  });

  test.each([
    [{ ...success, response_status_code: 201 }, {}, 'SUCCESS'],
    [{ ...success, response_status_code: 404 }, { 404: 'ACCEPTED' }, 'SUCCESS'],
    [{ ...success, response_status_code: 202 }, { 202: 'COMMITTED' }, 'SUCCESS'],
    [{ status: 'QUEUED', response_status_code: 200 }, {}, 'QUEUED'],
    [{ ...failed, response_status_code: 500 }, {}, 'FAIL'],
    [{ ...failed, response_status_code: 200, error_message: 'no such test' }, {}, 'FAIL'],
    [{ ...failed, response_status_code: 200, error_kind: 'CONNECTION_LOST' }, {}, 'FAIL'],
    // Suppression replaces whatever status is told.
    [{ ...failed, response_status_code: 209 }, {}, 'SUPPRESSED'],
    [
      { ...success, response_status_code: 500, response_body: { message: '#NOTFORDASHBOARD' } },
      {},
      'SUPPRESSED',
    ],
  ])('is none: %j (overrides %j) is %s', (body, overrides, status) => {
    expect(told(body, overrides)).toBe(status);
  });
});

test('every status that a log may have can be reported', () => {
  for (const status of LOG_STATUSES) expect(read({ log_id: LOG_ID, status }).status).toBe(status);
});
