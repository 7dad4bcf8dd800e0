import { describe, expect, test } from 'vitest';
import { maskHeaderFields } from '../../../src/main/bridge/masking/mask-headers.ts';
import { maskLog, maskSummary } from '../../../src/main/bridge/masking/mask-log.ts';
import { REPORTED } from '../../../src/shared/contract/callback.ts';
import {
  attemptDocument,
  logDocument,
  logSummaryDocument,
} from '../../../src/shared/contract/log-document.ts';
import { aLog } from '../../cli/a-log.ts';

const NAME = 'Asha Verma';

/** A document in which everything that may hold a patient's data does. */
function patientsLog() {
  const log = aLog();
  const headers = { 'content-type': 'application/json', 'x-patient': NAME };
  const references = [...log.references, { kind: 'patient' as const, id: NAME }];
  const body = JSON.stringify({ bill_id: 'B-1001', patient: { name: NAME } });
  return aLog({
    ordering_key: NAME,
    references,
    retry_context: { action_category: log.action_category ?? '', references },
    end_point: `http://partner/bills?name=${NAME}`,
    error_message: REPORTED + NAME,
    activity: [
      {
        at: log.created_at,
        actor: 'Anna',
        kind: 'NOTE',
        note: 'asked the partner',
        detail: { told: NAME },
      },
    ],
    request_headers: headers,
    request_body: body,
    response_headers: headers,
    response_body: body,
    attempts: log.attempts.map((attempt) => ({
      ...attempt,
      end_point: `http://partner/bills?name=${NAME}`,
      error_message: REPORTED + NAME,
      request_headers: headers,
      response_headers: headers,
      response_body: body,
      changed: [`/patients/${NAME}/age`, '/bill/tests/12/4711', '/bill/total'],
    })),
    revisions: [
      {
        revision: 1,
        key: log.log_id,
        sha256: NAME,
        config_version: 1,
        reason: 'FIRST',
        objects_from: null,
        content_type: 'application/json',
        body,
        created_at: log.created_at,
      },
    ],
  });
}

describe('a masked log', () => {
  test('holds nothing of the patient, and says that it is masked', () => {
    const masked = maskLog(patientsLog());
    expect(JSON.stringify(masked)).not.toContain(NAME);
    expect(masked.masked).toBe(true);
    expect(logDocument.parse(masked)).toEqual(masked);
  });

  test('keeps what is no patient’s', () => {
    const masked = maskLog(patientsLog());
    expect(masked.references).toEqual([
      { kind: 'event', id: 'event-1' },
      { kind: 'bill', id: 'B-1001' },
      { kind: 'patient', id: '••••' },
    ]);
    expect(masked.request_body).toBe('{"bill_id":"B-1001","patient":{"name":"••••"}}');
    expect(masked.request_headers).toEqual({
      'content-type': 'application/json',
      'x-patient': '••••',
    });
    expect(masked).toMatchObject({ status: 'SUCCESS', end_point: 'http://partner/bills?••••' });
  });

  test('has no query or fragment of the address that was called', () => {
    for (const [end_point, shown] of [
      [`/billing/#${NAME}`, '/billing/#••••'],
      [`/billing/?name=${NAME}#a`, '/billing/?••••'],
      ['/billing/', '/billing/'],
    ]) {
      expect(maskSummary(logSummaryDocument.parse({ ...aLog(), end_point })).end_point).toBe(shown);
    }
  });

  test('as a list shows it holds nothing of the patient either', () => {
    const summary = logSummaryDocument.parse(patientsLog());
    const masked = maskSummary(summary);
    expect(JSON.stringify(masked)).not.toContain(NAME);
    expect(masked).toMatchObject({ masked: true, ordering_key: '••••' });
  });

  test('tells where bodies differ by such keys alone as programs write', () => {
    expect(maskLog(patientsLog()).attempts[0]?.changed).toEqual([
      '/patients/••••/age',
      '/bill/tests/12/••••',
      '/bill/total',
    ]);
  });

  test('has what LabRelay itself notes', () => {
    const from = {
      status: 'FAIL',
      certainty: 'REFUSED',
      response_status_code: 422,
      error_kind: null,
    };
    const note = { at: aLog().created_at, actor: 'LabRelay', kind: 'OUTCOME_CHANGED', note: 'was' };
    const { activity } = maskLog(aLog({ activity: [{ ...note, detail: { from } }] }));
    expect(activity).toEqual([{ ...note, detail: { from } }]);
  });

  test('has what LabRelay itself says of an error', () => {
    const log = aLog({ error_message: 'The partner answered 400.' });
    expect(maskLog(log).error_message).toBe('The partner answered 400.');
  });

  test('has no field of an attempt that nobody has thought about', () => {
    expect(Object.keys(attemptDocument.shape).sort()).toEqual(
      [
        'actor attempt attempt_id body_from bulk_retry_id certainty changed config_version end_point ended_at',
        'error_kind error_message fallback kind objects_from reason request_headers request_method',
        'response_body response_body_cut response_headers response_status_code response_time revision',
        'stage started_at status worker',
      ].flatMap((line) => line.split(' ')),
    );
  });

  test('has no field that nobody has thought about', () => {
    // Whoever adds a field that may hold patient data masks it; then it is listed here.
    expect(Object.keys(logDocument.shape).sort()).toEqual(
      [
        'action_category action_category_list_id activity activity_date attempts batch_id certainty',
        'config_version control_id created_at deliver_by direction end_point error_kind',
        'error_message event_id held_note held_reason integration_callback_url ip is_retry_enabled',
        'lab_id lab_integration_id log_id masked next_retry_at ordering_key organization_id origin',
        'priority references request_body request_body_cut request_headers request_method resolution resolved_at',
        'response_body response_body_cut response_headers response_status_code response_time retry_context',
        'retry_count retry_state revision revisions stage status token_hint token_owner transport',
        'triggered triggered_by updated_at waits_for',
      ].flatMap((line) => line.split(' ')),
    );
  });
});

describe('header fields', () => {
  test('stay where the protocol says what they hold, and they hold that', () => {
    const fields = {
      'content-type': 'application/json; charset=utf-8',
      'content-length': '17',
      date: 'Mon, 23 Nov 2026 08:00:00 GMT',
      server: 'nginx/1.2',
      authorization: 'Bearer ••••',
      'webhook-signature': 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    };
    expect(maskHeaderFields(fields)).toEqual(fields);
  });

  test.each([
    ['content-type', `text/plain; name="${NAME}"`],
    ['server', NAME],
    ['location', `/patients/${NAME}`],
    ['date', NAME],
    ['vary', NAME],
    ['x-anything', 'x'],
  ])('are masked otherwise: %s', (name, value) => {
    expect(maskHeaderFields({ [name]: value })).toEqual({ [name]: '••••' });
  });

  test('that are called after somebody are masked in their name as well', () => {
    expect(maskHeaderFields({ 'x-9845012345': 'a', asha_verma: 'b' })).toEqual({
      '••••1': '••••',
      '••••2': '••••',
    });
  });
});
