import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type EventRoute,
  eventRoutes,
  parseEventBody,
} from '../../../src/shared/contract/events.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';

function refusal(route: EventRoute, body: unknown) {
  try {
    parseEventBody(route, body);
  } catch (error) {
    if (error instanceof LabRelayError) return { code: error.code, errors: error.errors };
    throw error;
  }
  throw new Error('was not refused');
}

const fields = (route: EventRoute, body: unknown) =>
  refusal(route, body).errors.map(({ field }) => field);

/** `{"a":{"a":…}}`, as many levels as asked for. */
const nested = (levels: number): unknown => (levels === 1 ? {} : { a: nested(levels - 1) });

const aboutA = (kind: string) => ({
  lab_id: 1,
  action_category: 'OWN',
  data: {},
  references: [{ kind, id: 'x' }],
});

const deepBill = (levels: number) => ({
  lab_id: 1,
  bill: { bill_id: 1, deep: nested(levels) },
});

describe('an event body', () => {
  test('is answered as it was sent, labs’ own fields in place', () => {
    const body = {
      lab_id: 7,
      bill: {
        total: 12.5,
        bill_id: 'B 1',
        own_field: { deep: [1, null, { x: true }] },
        patient: { patient_id: 17, name: 'A' },
        source_updated_at: '2026-11-23T08:30:00+05:30',
      },
      event_id: 'e-1',
      priority: 'STAT',
      deliver_by: '2026-11-23T09:00:00Z',
      ordering_key: 'ACC-1',
    };
    expect(parseEventBody('/billing/', body)).toBe(body);
  });

  test.each<[EventRoute, unknown]>([
    ['/billing/', { lab_id: 1, bill: { bill_id: 1 }, payment: { amount: '1250.00' } }],
    ['/sample/receive/', { lab_id: 1, sample: { sample_id: 'S' }, action_category: 'OWN' }],
    ['/report/submit/', { lab_id: 1, report: { report_id: 'R', sample_id: 'S', bill_id: 2 } }],
    ['/patient/', { lab_id: 1, patient: { patient_id: 'P' } }],
    ['/appointment/', { lab_id: 1, appointment: { appointment_id: 'A', slot: 'morning' } }],
    ['/appointmentConfirmAPI/', { lab_id: 1, appointment_id: 'A' }],
    [
      '/api/v1/events',
      { lab_id: 1, action_category: 'OWN', data: {}, references: [{ kind: 'bill', id: 17 }] },
    ],
  ])('%s takes the least it needs', (route, body) => {
    expect(parseEventBody(route, body)).toBe(body);
  });

  test.each([
    'url',
    'end_point',
    'integration_callback_url',
    'integration_payload',
    'developer_authentication_id',
    'headers',
  ])('cannot bring an address or a credential: %s', (key) => {
    for (const route of Object.keys(eventRoutes) as EventRoute[]) {
      expect(fields(route, { [key]: 'http://evil.example' })).toContain(key);
    }
  });

  test('is told every field at fault, in the caller’s words, with the cure', () => {
    const { code, errors } = refusal('/billing/', {
      lab_id: '7',
      bill: { bill_id: '', patient: { name: 'A' }, source_updated_at: 'yesterday' },
      priority: 'URGENT',
      event_id: 'x'.repeat(101),
    });
    expect(code).toBe('INVALID_INPUT');
    expect(errors.map(({ field }) => field).sort()).toEqual([
      'bill.bill_id',
      'bill.patient.patient_id',
      'bill.source_updated_at',
      'event_id',
      'lab_id',
      'priority',
    ]);
    for (const { reason } of errors) expect(reason).toMatch(/^must /);
  });

  test.each([[null], [[]], ['text'], [17]])('must be an object, not %j', (body) => {
    expect(refusal('/patient/', body).code).toBe('INVALID_INPUT');
  });

  test.each(['a\u0000', '\u0000', 'a\nb', 'a\u001fb', 'a\u0085b'])(
    'refuses %j as an event’s id, an ordering key or an object’s id',
    (id) => {
      const keys = { event_id: id, ordering_key: id };
      expect(fields('/patient/', { lab_id: 1, patient: { patient_id: id }, ...keys })).toEqual([
        'event_id',
        'ordering_key',
        'patient.patient_id',
      ]);
    },
  );

  test('takes ids in any script', () => {
    const body = { lab_id: 1, patient: { patient_id: 'रोगी 17 😀' }, event_id: 'घटना' };
    expect(parseEventBody('/patient/', body)).toBe(body);
  });

  test.each([[''], ['   '], [' 17'], [1.5], [2 ** 53], [true], [null], [{}], ['x'.repeat(201)]])(
    'refuses %j as an object’s id',
    (id) => {
      expect(fields('/patient/', { lab_id: 1, patient: { patient_id: id } })).toContain(
        'patient.patient_id',
      );
    },
  );

  test('cannot name two patients at once', () => {
    const bill = { bill_id: 1, patient_id: 5, patient: { patient_id: 6 } };
    expect(fields('/billing/', { lab_id: 1, bill })).toEqual(['bill.patient_id']);
    const same = { bill_id: 1, patient_id: '5', patient: { patient_id: 5 } };
    expect(() => parseEventBody('/billing/', { lab_id: 1, bill: same })).not.toThrow();
  });

  test('references name no event and only known kinds', () => {
    expect(fields('/api/v1/events', aboutA('event'))).toEqual(['references.0.kind']);
    expect(fields('/api/v1/events', aboutA('planet'))).toEqual(['references.0.kind']);
  });

  test('may nest 64 levels, not 65', () => {
    expect(() => parseEventBody('/billing/', deepBill(62))).not.toThrow();
    const { errors } = refusal('/billing/', deepBill(63));
    expect(errors[0]?.field).toMatch(/^bill\.deep\.a/);
    expect(errors[0]?.reason).toContain('64 levels');
    expect(() =>
      parseEventBody('/billing/', JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))),
    ).toThrow(LabRelayError);
  });

  test('has no __proto__ key at any depth', () => {
    const body: unknown = JSON.parse(
      '{"lab_id":1,"bill":{"bill_id":1,"list":[{"__proto__":{"polluted":true}}]}}',
    );
    expect(fields('/billing/', body)).toEqual(['bill.list.0.__proto__']);
  });
});

describe('an address for reports', () => {
  const HOSTILE = 'http://169.254.169.254/';
  const ADDRESS = { integration_callback_url: HOSTILE };
  const deep = { a: { b: [{ c: { d: { e: { f: { g: { h: ADDRESS } } } } } }] } };
  const bodies: Record<string, [keyof typeof eventRoutes, object]> = {
    integration_callback_url: ['/patient/', { lab_id: 1, patient: { patient_id: 1 }, ...ADDRESS }],
    'bill.integration_callback_url': ['/billing/', { lab_id: 1, bill: { bill_id: 1, ...ADDRESS } }],
    'sample.integration_payload': [
      '/sample/receive/',
      { lab_id: 1, sample: { sample_id: 1, integration_payload: {} } },
    ],
    'report.a.b.0.c.d.e.f.g.h.integration_callback_url': [
      '/report/submit/',
      { lab_id: 1, report: { report_id: 1, ...deep } },
    ],
    'data.args.integration_payload': [
      '/api/v1/events',
      { lab_id: 1, action_category: 'OWN', data: { args: { integration_payload: ADDRESS } } },
    ],
  };

  test.each(Object.entries(bodies))('is refused by its whole path: %s', (field, [route, body]) => {
    expect(refusal(route, body).errors).toEqual([
      { field, reason: expect.stringContaining('remove the field') },
    ]);
  });

  test('is found however its name is spelled in JSON, and its value is nobody’s business', () => {
    const text = '{"lab_id":1,"bill":{"bill_id":1,"integration\\u005fcallback_url":null}}';
    expect(fields('/billing/', JSON.parse(text))).toEqual(['bill.integration_callback_url']);
    const body = { lab_id: 1, bill: { bill_id: 1, note: `integration_callback_url=${HOSTILE}` } };
    expect(parseEventBody('/billing/', body)).toBe(body);
  });
});

test('every route can be told as JSON Schema, for the OpenAPI document', () => {
  for (const { body, answer } of Object.values(eventRoutes)) {
    expect(z.toJSONSchema(body, { io: 'input' })).toMatchObject({ additionalProperties: false });
    expect(z.toJSONSchema(answer)).toMatchObject({ required: expect.arrayContaining(['log_ids']) });
  }
});
