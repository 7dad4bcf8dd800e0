import { describe, expect, test } from 'vitest';
import { namedIn } from '../../../../src/main/engine/callback/legacy/names.ts';
import type { JsonObject } from '../../../../src/shared/model/json.ts';

describe('what a free-form body names', () => {
  test.each<[string, JsonObject, object]>([
    ['a log', { log_id: 'L1' }, { logIds: ['L1'] }],
    ['a log under its older name', { integration_log_id: 'L1' }, { logIds: ['L1'] }],
    [
      'a log in another spelling',
      { LogId: 'L1', 'Integration-Log-ID': 'L2' },
      { logIds: ['L1', 'L2'] },
    ],
    ['a log one level below', { data: { log_id: 'L1' } }, { logIds: ['L1'] }],
    ['a log two levels below', { data: { call: { logId: 'L1' } } }, { logIds: ['L1'] }],
    ['no log three levels below', { a: { b: { c: { log_id: 'L1' } } } }, { logIds: [] }],
    ['logs in a list', { results: [{ log_id: 'L1' }, { log_id: 'L2' }] }, { logIds: ['L1', 'L2'] }],
    ['the same log once', { log_id: 'L1', data: { log_id: 'L1' } }, { logIds: ['L1'] }],
    ['no log by what is no id', { log_id: { a: 1 }, logId: '', data: [1] }, { logIds: [] }],
    [
      'a bill of a lab',
      { labId: '7', billId: 17 },
      { labId: 7, objects: [{ kind: 'bill', id: '17' }] },
    ],
    [
      'several objects, the nearest to the top first',
      { data: { patient_id: 'P1', bill_id: 1 }, sample_id: 'S1', report_id: 2, appointment_id: 3 },
      {
        objects: [
          { kind: 'sample', id: 'S1' },
          { kind: 'report', id: '2' },
          { kind: 'appointment', id: '3' },
          { kind: 'patient', id: 'P1' },
          { kind: 'bill', id: '1' },
        ],
      },
    ],
    [
      'a status word and a code',
      { status: 'SUCCESS', http_status: '201' },
      { status: 'SUCCESS', code: 201 },
    ],
    [
      'no status that is a text',
      { status: 'Asha Verma is ill', code: 'X' },
      { status: null, code: null },
    ],
    ['nothing', {}, { logIds: [], labId: null, objects: [], status: null, code: null }],
  ])('%s', (_, body, named) => {
    expect(namedIn(body)).toMatchObject(named);
  });

  test('is bounded, however much is named', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ log_id: `L${index}` }));
    expect(namedIn({ many, all: { more: many } }).logIds).toHaveLength(20);
    expect(namedIn({ log_id: 'x'.repeat(201) }).logIds).toEqual([]);
  });
});
