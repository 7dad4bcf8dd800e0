import { describe, expect, test } from 'vitest';
import { renderLog } from '../../src/main/cli/log-text.ts';
import { renderPage } from '../../src/main/cli/search.ts';
import { aLog } from './a-log.ts';

describe('a log in words', () => {
  test('names status, certainty, object, thread, attempts, request and response', () => {
    const text = renderLog(aLog());
    expect(text).toContain('status       SUCCESS: delivered');
    expect(text).toContain('certainty    ACCEPTED: The partner has it.');
    expect(text).toContain('about        event event-1, bill B-1001');
    expect(text).toContain('integration  1, version 3');
    expect(text).toContain('CREATED → ENQUEUED → DISPATCHED → REPORTED');
    expect(text).toMatch(/1 {2}FIRST {2}r1 .* 12 ms {2}SUCCESS {2}ACCEPTED +200/);
    expect(text).toContain('POST http://127.0.0.1:9999/ledger/bills');
    expect(text).toContain('"bill_id": "B-1001"');
    expect(text).toContain('200 after 12 ms');
    expect(text).toContain('server: ledger');
  });

  test('names the outside worker that made an attempt', () => {
    const [attempt] = aLog().attempts;
    if (!attempt) return;
    const text = renderLog(aLog({ attempts: [{ ...attempt, worker: 'fusion 1' }] }));
    expect(text).toMatch(/1 {2}FIRST by fusion 1 {2}r1/);
  });

  test('tells who retried and why, which body went, from where and what had changed', () => {
    const [attempt] = aLog().attempts;
    if (!attempt) return;
    const retried = {
      ...attempt,
      attempt: 2,
      kind: 'MANUAL' as const,
      revision: 2,
      actor: 'Anna',
      reason: 'the total was wrong',
      body_from: 'CHANGED' as const,
      objects_from: 'LOCAL' as const,
      fallback: 'The lab system was not reached.',
      changed: ['/bill/total', '/bill/tests/2'],
    };
    expect(renderLog(aLog({ attempts: [attempt, retried] }))).toContain(
      '2: Retried by Anna: the total was wrong. The body was built anew from our own copy (The lab system was not reached.). Changed: /bill/total, /bill/tests/2.',
    );
  });

  test.each([
    ['UNKNOWN', 'The partner may already have it.'],
    ['NOT_SENT', 'The partner does not have it: nothing was sent.'],
    ['REFUSED', 'The partner refused it.'],
    ['REFUSED_RETRYABLE', 'The partner refused it for now and may take it later.'],
  ] as const)('certainty %s reads: %s', (certainty, words) => {
    expect(renderLog(aLog({ status: 'FAIL', certainty }))).toContain(`${certainty}: ${words}`);
  });

  test('a log that was never sent says so and shows no response', () => {
    const text = renderLog(
      aLog({
        status: 'FAIL',
        certainty: 'NOT_SENT',
        stage: 'CREATED',
        error_kind: 'PAYLOAD',
        error_message: 'The mapping failed.',
        attempts: [],
        request_body: null,
        request_headers: null,
        response_status_code: null,
        response_headers: null,
        response_body: null,
      }),
    );
    expect(text).toContain('error        PAYLOAD: The mapping failed.');
    expect(text).toContain('none: nothing was sent');
    expect(text).not.toContain('→');
    expect(text).not.toContain('Response');
  });

  test.each([
    ['BEHIND_HEAD', 'is finished'],
    ['HEAD_UNKNOWN', 'in doubt; it is sent when that is settled, or after 30 minutes'],
    ['HEAD_REFUSED', 'was refused; it is sent when that is delivered or its key is released'],
  ] as const)('one that waits (%s) says for which, and until when', (held_reason, words) => {
    const text = renderLog(aLog({ status: 'PENDING', held_reason, waits_for: 'the-head' }));
    expect(text).toMatch(new RegExp(`waits .*${words} \\(log the-head\\)`));
  });

  test('one whose breaker a person has opened says who, and why', () => {
    const held_note = 'opened by hand by Anna: partner moves house';
    const text = renderLog(aLog({ status: 'PENDING', held_reason: 'BREAKER_OPEN', held_note }));
    expect(text).toContain(
      'waits        The circuit breaker was opened by hand by Anna: partner moves house.\n',
    );
  });

  test.each([
    ['INTEGRATION_DISABLED', 'The integration is disabled; enabling it asks'],
    ['ENDPOINT_DOWN', 'The partner cannot be reached; a probe asks again every 15 s'],
    ['BREAKER_OPEN', 'Too many deliveries in a row have failed'],
    ['RESTORED_BACKUP', 'the partner may have got it since'],
  ] as const)('one that is held (%s) says why in a sentence', (held_reason, words) => {
    const text = renderLog(aLog({ status: 'PENDING', held_reason }));
    expect(text).toMatch(new RegExp(`waits .*${words}.*\\.\n`));
    expect(text).not.toContain('(log');
  });

  test('a deadline that has passed is told while the delivery is open, and only then', () => {
    const deliver_by = '2026-11-23T10:00:00.000Z';
    const before = Date.parse('2026-11-23T09:59:59.000Z');
    const after = Date.parse('2026-11-23T10:00:01.000Z');
    const late = /deliver by .*: has passed, and it is not delivered/;
    expect(renderLog(aLog({ status: 'PENDING', deliver_by }), before)).not.toMatch(late);
    expect(renderLog(aLog({ status: 'PENDING', deliver_by }), after)).toMatch(late);
    expect(renderLog(aLog({ status: 'FAIL', deliver_by }), after)).toMatch(late);
    expect(renderLog(aLog({ status: 'SUCCESS', deliver_by }), after)).not.toMatch(late);
    expect(renderLog(aLog({ status: 'SUCCESS', deliver_by }), after)).toMatch(/deliver by/);
  });

  test('what a partner answered cannot drive the terminal', () => {
    const text = renderLog(
      aLog({ response_body: 'done\u001b]0;owned\u0007', response_headers: { x: 'a\u001b[31m' } }),
    );
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u0007');
    expect(text).toContain('done\\x1b]0;owned\\x07');
  });

  test('a cut answer, a waiting retry and notes are told', () => {
    const log = aLog();
    const told = {
      ...log,
      retry_state: 'SCHEDULED' as const,
      retry_count: 2,
      next_retry_at: '2026-11-23T10:00:00.000Z',
      response_body_cut: true,
      activity: [
        {
          at: log.created_at,
          actor: 'meera',
          kind: 'note',
          note: 'called the partner',
          detail: null,
        },
      ],
    };
    const text = renderLog(told, Date.parse('2026-11-23T09:55:00.000Z'));
    expect(text).toContain('(longer than is kept; cut)');
    expect(text).toMatch(
      /retry +SCHEDULED: tried again by itself; retried 2 times; next at 2026-11-23 \S+ \(in 5 min\)/,
    );
    expect(text).toContain('meera, note: called the partner');
  });

  test.each([
    ['EXHAUSTED', 'not tried again by itself; "labrelay retry" sends it'],
    ['CANCELLED', 'has stopped it; "labrelay retry" sends it'],
    ['RUNNING', 'a retry of it is under way'],
    ['SCHEDULED', 'a retry of it waits in the queue'],
  ] as const)('a log that is %s says what can be done', (retry_state, words) => {
    const text = renderLog(aLog({ status: 'FAIL', retry_state, retry_count: 1 }));
    expect(text).toMatch(new RegExp(`retry +${retry_state}: .*${words}; retried once\\n`));
  });

  test('one that was never retried says nothing of it', () => {
    expect(renderLog(aLog())).not.toMatch(/^ {2}retry /m);
  });
});

describe('a call into the lab in words', () => {
  const call = aLog({
    direction: 'INBOUND',
    certainty: null,
    lab_integration_id: null,
    config_version: null,
    end_point: '/billing/',
    ip: '10.0.0.7',
    token_hint: 'wXyZ',
    token_owner: 'LIS',
    triggered: ['first-log', 'second-log'],
    attempts: [],
  });

  test('names its caller, its key, what it asked, what it was answered and what it has fired', () => {
    const text = renderLog(call);
    expect(text).toContain('(inbound)');
    expect(text).toContain('status       SUCCESS: answered as asked');
    expect(text).toContain('caller       10.0.0.7 with the key LIS, which ends in wXyZ\n');
    expect(text).toContain('POST /billing/');
    expect(text).toContain('200 after 12 ms');
    expect(text).toContain('Fired\n  first-log\n  second-log\n');
    expect(text).not.toMatch(/Attempts|Thread|Certainty/i);
  });

  test('that had no key, fired nothing and broke off says so', () => {
    const text = renderLog({
      ...call,
      status: 'FAIL',
      error_kind: 'CALLER_GONE',
      token_owner: null,
      token_hint: null,
      triggered: [],
      request_body_cut: true,
    });
    expect(text).toContain('FAIL: not done as asked');
    expect(text).toContain('10.0.0.7 with no known key\n');
    expect(text).toContain('(not all of its body came, or is kept)');
    expect(text).toContain('Fired\n  nothing\n');
  });

  test('is named by what it has fired', () => {
    expect(renderLog(aLog({ triggered_by: 'the-call' }))).toContain(
      'fired by     the call the-call',
    );
  });
});

describe('a page of logs', () => {
  test('is a table with the count and how to go on', () => {
    const text = renderPage({ items: [aLog()], next_cursor: 'abc', total_estimate: 12 }, 0);
    expect(text).toMatch(/^CREATED +WAY +STATUS +CERTAINTY/);
    expect(text).toContain('01a207b0-3fcd-75ba-8244-f71c8121a100');
    expect(text).toContain('1 of 12; next page: --cursor abc');
  });

  test('tells of each what its schedule does, and when next', () => {
    const log = aLog({ retry_state: 'SCHEDULED', next_retry_at: '2026-11-23T10:00:00.000Z' });
    const items = [log, aLog({ retry_state: 'EXHAUSTED' })];
    const now = Date.parse('2026-11-23T09:55:00.000Z');
    const text = renderPage({ items, next_cursor: null, total_estimate: 2 }, now);
    expect(text).toMatch(/ SCHEDULED in 5 min {2}/);
    expect(text).toMatch(/ EXHAUSTED {2}/);
  });

  test('tells an estimate from a count', () => {
    const text = renderPage({ items: [aLog()], next_cursor: null, total_estimate: 10_000 }, 0);
    expect(text).toContain('1 of 10000 or more\n');
  });

  test('that is empty says what is left out', () => {
    expect(renderPage({ items: [], next_cursor: null, total_estimate: 0 }, 0)).toBe(
      'No log matches. Suppressed ones need --include-suppressed.\n',
    );
  });
});
