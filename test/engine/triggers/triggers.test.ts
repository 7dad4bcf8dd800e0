import { describe, expect, test } from 'vitest';
import { BUILT_IN_TRIGGERS, triggerFor } from '../../../src/main/engine/triggers/index.ts';
import { carriedObjects } from '../../../src/main/engine/triggers/objects.ts';
import { MIGRATIONS } from '../../../src/main/store/migrations/index.ts';
import type { Reference } from '../../../src/shared/model/domain.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';

const codes = BUILT_IN_TRIGGERS.map(({ code }) => code);

test('every seeded action category has its trigger, and no other has', () => {
  const sql = MIGRATIONS.map((migration) => migration.sql).join();
  const seeded = [...sql.matchAll(/\(\s*\d+, '([A-Z0-9_]+)',/g)].map(([, code]) => code);
  expect(seeded).toHaveLength(15);
  expect(new Set(codes)).toEqual(new Set(seeded));
  expect(codes).toHaveLength(seeded.length);
});

describe.each([...codes, 'A_CATEGORY_OF_ONES_OWN'])('%s', (code) => {
  const trigger = triggerFor(code);

  test('accepts its own sample, which carries the object that it is about', () => {
    expect(trigger.code).toBe(code);
    expect(trigger.data.safeParse(trigger.sample).success).toBe(true);
    const kinds = trigger.carried(trigger.sample).map(({ kind }) => kind);
    expect(kinds[0]).toBe(trigger.principal ?? 'bill');
  });

  test('refuses data without that object; labs’ own fields are welcome', () => {
    expect(trigger.data.safeParse({}).success).toBe(trigger.principal === null);
    expect(trigger.data.safeParse({ ...trigger.sample, own: [1] }).success).toBe(true);
  });

  test('tells the same payload for the same arguments, whenever it is asked', () => {
    const bindings = { log_id: 'L', event_id: 'E', lab_id: 7, action_category: code };
    const payload = trigger.defaultPayload(trigger.sample, bindings);
    expect(payload).toEqual({ ...bindings, data: trigger.sample });
    expect(trigger.defaultPayload(trigger.sample, bindings)).toEqual(payload);
  });
});

const takes = (code: string, data: JsonObject) => triggerFor(code).data.safeParse(data).success;

const reasoned = (cancellation_reason: number | string) => ({
  bill: { bill_id: 1, cancellation_reason },
});

const signed = (signed_at: string) => ({ report: { report_id: 1, signed_at } });

describe('what distinguishes a category', () => {
  test('PAYMENT_RECEIVED has a payment with its amount', () => {
    const bill = { bill_id: 1 };
    expect(takes('PAYMENT_RECEIVED', { bill })).toBe(false);
    expect(takes('PAYMENT_RECEIVED', { bill, payment: {} })).toBe(false);
    expect(takes('PAYMENT_RECEIVED', { bill, payment: { amount: 'much' } })).toBe(false);
    expect(takes('PAYMENT_RECEIVED', { bill, payment: { amount: '-12.50' } })).toBe(true);
    expect(takes('PAYMENT_RECEIVED', { bill, payment: { amount: 12.5, mode: 'UPI' } })).toBe(true);
  });

  test('BILL_CANCELLED may say why', () => {
    expect(takes('BILL_CANCELLED', { bill: { bill_id: 1 } })).toBe(true);
    expect(takes('BILL_CANCELLED', reasoned('twice'))).toBe(true);
    expect(takes('BILL_CANCELLED', reasoned(5))).toBe(false);
  });

  test('SAMPLE_REJECTED must say why, SAMPLE_RECEIVED need not', () => {
    expect(takes('SAMPLE_RECEIVED', { sample: { sample_id: 1 } })).toBe(true);
    expect(takes('SAMPLE_REJECTED', { sample: { sample_id: 1 } })).toBe(false);
    const rejected = { sample: { sample_id: 1, rejection_reason: 'clotted' } };
    expect(takes('SAMPLE_REJECTED', rejected)).toBe(true);
  });

  test('REPORT_SIGNED tells its signing time as a time', () => {
    expect(takes('REPORT_SIGNED', signed('2026-11-23T08:00:00Z'))).toBe(true);
    expect(takes('REPORT_SIGNED', signed('today'))).toBe(false);
  });
});

describe('the objects that an event carries', () => {
  test('are taken apart: the patient becomes its own, the bill keeps naming it', () => {
    const bill = {
      bill_id: 17,
      source_updated_at: '2026-11-23T08:30:00.000+05:30',
      patient: { patient_id: 5, name: 'Asha' },
    };
    expect(carriedObjects({ bill })).toEqual([
      {
        kind: 'bill',
        id: '17',
        document: { bill_id: 17, source_updated_at: bill.source_updated_at, patient_id: 5 },
        sourceUpdatedAt: Date.parse('2026-11-23T03:00:00Z'),
      },
      {
        kind: 'patient',
        id: '5',
        document: { patient_id: 5, name: 'Asha' },
        sourceUpdatedAt: Date.parse('2026-11-23T03:00:00Z'),
      },
    ]);
  });

  test('have a patient as old as what it came in, unless it tells its own time', () => {
    const times = (bill: string | undefined, patient: string | undefined) => {
      const source_updated_at = (time: string | undefined) =>
        time === undefined ? {} : { source_updated_at: `2026-11-23T${time}:00Z` };
      const embedded = { patient_id: 5, ...source_updated_at(patient) };
      const data = { bill: { bill_id: 17, ...source_updated_at(bill), patient: embedded } };
      return carriedObjects(data).map(({ sourceUpdatedAt: time }) =>
        time === null ? null : new Date(time).toISOString().slice(11, 16),
      );
    };
    expect(times('09:00', undefined)).toEqual(['09:00', '09:00']);
    expect(times('09:00', '08:00')).toEqual(['09:00', '08:00']);
    expect(times(undefined, '08:00')).toEqual([null, '08:00']);
    expect(times(undefined, undefined)).toEqual([null, null]);
  });

  test('in free data are those that stand under their kind’s name with their id', () => {
    const data = {
      bill: 'no object',
      sample: { note: 'no id' },
      patient: { patient_id: 'P' },
      report: { report_id: 'R\u0000' },
      x: 1,
    };
    expect(carriedObjects(data).map(({ kind, id }) => [kind, id])).toEqual([['patient', 'P']]);
  });
});

const lookupIn = (objects: Record<string, JsonObject>) => (reference: Reference) =>
  objects[`${reference.kind} ${reference.id}`];

describe('arguments', () => {
  const trigger = triggerFor('SAMPLE_RECEIVED');
  const event: Reference = { kind: 'event', id: 'E' };
  const references: Reference[] = [
    event,
    { kind: 'sample', id: 'S' },
    { kind: 'bill', id: '17' },
    { kind: 'patient', id: '5' },
  ];
  test('are rebuilt from references: event as base, each object as it stands now', () => {
    const lookup = lookupIn({
      'event E': { sample: { sample_id: 'S', state: 'as sent' }, note: 'of the event' },
      'sample S': { sample_id: 'S', state: 'now', bill_id: 17 },
      'bill 17': { bill_id: 17, total: 9, patient_id: 5 },
      'patient 5': { patient_id: 5, name: 'Asha' },
    });
    const args = trigger.prepare(references, lookup);
    expect(args).toEqual({
      note: 'of the event',
      sample: { sample_id: 'S', state: 'now', bill_id: 17 },
      bill: { bill_id: 17, total: 9, patient_id: 5, patient: { patient_id: 5, name: 'Asha' } },
    });
    expect(trigger.prepare(references, lookup)).toEqual(args);
  });

  test('keep what the event brought where the store no longer has the object', () => {
    const sent = { sample: { sample_id: 'S', patient: { patient_id: 5 } } };
    expect(trigger.prepare(references, lookupIn({ 'event E': sent }))).toEqual(sent);
  });

  test('cannot be rebuilt without the event’s own document', () => {
    expect(trigger.prepare(references, lookupIn({}))).toBeUndefined();
    expect(trigger.prepare([], lookupIn({}))).toBeUndefined();
  });

  test('have a patient stand alone only where the event names nothing else', () => {
    const lookup = lookupIn({
      'event E': { note: 1 },
      'bill 17': { bill_id: 17, patient_id: 6 },
      'patient 5': { patient_id: 5 },
      'patient 6': { patient_id: 6 },
    });
    const own = triggerFor('OWN');
    expect(own.prepare([event, { kind: 'patient', id: '5' }], lookup)).toEqual({
      note: 1,
      patient: { patient_id: 5 },
    });
    // The bill has since been given to another patient.
    const ofBill: Reference[] = [event, { kind: 'bill', id: '17' }, { kind: 'patient', id: '5' }];
    expect(own.prepare(ofBill, lookup)).toEqual({
      note: 1,
      bill: { bill_id: 17, patient_id: 6, patient: { patient_id: 6 } },
    });
  });

  test('hold every object of a kind where several are named: the first alone, and all in a list', () => {
    const lookup = lookupIn({
      'event E': { bill: { bill_id: 17 }, samples: 'the event’s own' },
      'bill 17': { bill_id: 17, total: 9 },
      'bill 18': { bill_id: 18, patient_id: 6 },
      'sample S': { sample_id: 'S' },
      'sample T': { sample_id: 'T' },
      'patient 5': { patient_id: 5 },
      'patient 6': { patient_id: 6 },
      'report R': { report_id: 'R' },
    });
    const several: Reference[] = [
      event,
      { kind: 'bill', id: '17' },
      { kind: 'bill', id: '18' },
      { kind: 'sample', id: 'S' },
      { kind: 'sample', id: 'T' },
      { kind: 'report', id: 'R' },
      { kind: 'report', id: 'gone' },
      { kind: 'patient', id: '5' },
      { kind: 'patient', id: '6' },
    ];
    const ofSix = { bill_id: 18, patient_id: 6, patient: { patient_id: 6 } };
    expect(triggerFor('OWN').prepare(several, lookup)).toEqual({
      bill: { bill_id: 17, total: 9 },
      bills: [{ bill_id: 17, total: 9 }, ofSix],
      sample: { sample_id: 'S' },
      samples: 'the event’s own',
      report: { report_id: 'R' },
      patients: [{ patient_id: 5 }, { patient_id: 6 }],
    });
  });
});
