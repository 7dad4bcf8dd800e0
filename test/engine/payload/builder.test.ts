import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { PayloadBuilder } from '../../../src/main/engine/payload/builder.ts';
import { ChildEvaluator } from '../../../src/main/engine/payload/child-evaluator.ts';
import { forkMappingChild } from '../../../src/main/engine/payload/fork-launcher.ts';
import { BUILT_IN_TRIGGERS, triggerFor } from '../../../src/main/engine/triggers/index.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';
import type { HttpMethod } from '../../../src/shared/model/vocabulary.ts';

const evaluator = new ChildEvaluator(forkMappingChild);
const builder = new PayloadBuilder({ evaluator });
afterAll(() => evaluator.stop());

const bindings = { log_id: 'L', event_id: 'E', lab_id: 7, action_category: 'BILL_GENERATED' };

const build = (mapping: string | null, headers: Record<string, string> = {}) =>
  builder.build({
    integration: { mapping, headers },
    trigger: triggerFor('BILL_GENERATED'),
    args: { bill: { bill_id: 17 } },
    bindings,
  });

const preview = (mapping: string | null, data?: { [key: string]: string | object }) =>
  builder.preview({
    actionCategory: 'BILL_GENERATED',
    labId: 7,
    mapping,
    data: data === undefined ? null : JSON.parse(JSON.stringify(data)),
  });

const check = (mapping: string, checkData: JsonObject | null = null, method: HttpMethod = 'POST') =>
  builder.checkMapping({
    field: 'mapping',
    expression: mapping,
    actionCategory: 'BILL_GENERATED',
    method,
    checkData,
  });

describe('a body', () => {
  test('without a mapping is the default shape, built at once', () => {
    const body = JSON.stringify({
      log_id: 'L',
      event_id: 'E',
      action_category: 'BILL_GENERATED',
      lab_id: 7,
      data: { bill: { bill_id: 17 } },
    });
    expect(build(null)).toEqual({
      ok: true,
      body,
      contentType: 'application/json',
      sha256: createHash('sha256').update(body).digest('hex'),
    });
  });

  test.each([
    ['{"id": bill.bill_id, "ref": $log_id}', '{"id":17,"ref":"L"}', 'application/json'],
    ['[bill.bill_id, 2]', '[17,2]', 'application/json'],
    ['"id=" & bill.bill_id', 'id=17', 'text/plain; charset=utf-8'],
  ])('by the mapping %s is sent as %s', async (mapping, body, contentType) => {
    expect(await build(mapping)).toMatchObject({ ok: true, body, contentType });
  });

  test('has the content type that the rule’s headers name', async () => {
    const headers = { 'Content-Type': 'application/fhir+json' };
    expect(build(null, headers)).toMatchObject({ contentType: 'application/fhir+json' });
    const xml = { 'content-type': 'application/xml' };
    expect(await build('"<a/>"', xml)).toMatchObject({
      body: '<a/>',
      contentType: 'application/xml',
    });
  });

  test.each([
    ['nothing.here', 'the mapping produced nothing'],
    ['null', 'the mapping produced nothing'],
    ['""', 'the mapping produced nothing'],
    ['17', 'the mapping produced a number; it must produce an object, an array or text'],
    ['true', 'the mapping produced a boolean; it must produce an object, an array or text'],
  ])('cannot be made of %s', async (mapping, message) => {
    expect(await build(mapping)).toEqual({ ok: false, message });
  });
});

describe('an ordering key', () => {
  const key = (expression: string) =>
    builder.orderingKey(expression, { bill: { bill_id: 17, ward: 'A', paid: true } }, bindings);

  test.each([
    ['bill.ward', 'A'],
    ['bill.bill_id', '17'],
    ['bill.paid', 'true'],
    ['$lab_id & "/" & bill.ward', '7/A'],
  ])('of %s is the text %s', async (expression, text) => {
    expect(await key(expression)).toEqual({ ok: true, key: text });
  });

  test.each(['nothing.here', 'null', '""'])('of %s is none', async (expression) => {
    expect(await key(expression)).toEqual({ ok: true, key: null });
  });

  test.each([
    ['bill', /must be text or a number/],
    ['[1, 2]', /must be text or a number/],
    ['$pad("x", 101)', /at most 100 characters/],
    ['bill.bill_id + "x"', /^the ordering key failed: /],
    ['bill.(', /^the ordering key does not parse: /],
    ['($f := function(){$f()}; $f())', /^the ordering key needs too much time/],
  ])('cannot be made of %s', async (expression, message) => {
    expect(await key(expression)).toEqual({ ok: false, message: expect.stringMatching(message) });
  });

  test('that runs away is refused before it is saved, by its own name', async () => {
    const checked = builder.checkMapping({
      field: 'ordering_key',
      expression: '$pad("x", 3e8)',
      actionCategory: 'BILL_GENERATED',
      method: 'POST',
      checkData: null,
    });
    await expect(checked).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'ordering_key', reason: expect.stringMatching(/^the ordering key needs/) }],
    });
  });
});

describe('a preview', () => {
  test('shows the body for the category’s sample, or for the data given', async () => {
    await expect(preview('{"p": bill.patient.name}')).resolves.toEqual({
      body: '{"p":"Asha Example"}',
      contentType: 'application/json',
    });
    const data = { bill: { bill_id: 1, patient: { patient_id: 2, name: 'B' } } };
    await expect(preview('{"p": bill.patient.name, "id": bill.patient_id}', data)).resolves.toEqual(
      {
        body: '{"p":"B","id":2}',
        contentType: 'application/json',
      },
    );
  });

  test.each([
    '{"a": ',
    '$nosuch(1)',
    'bill.bill_id + "x"',
    'nothing',
    '($f := function(){$f()}; $f())',
  ])('refuses %s, naming the field', async (mapping) => {
    await expect(preview(mapping)).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'mapping' }],
    });
  });

  test('refuses data that the category would not take', async () => {
    await expect(preview(null, { bill: {} })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'data.bill.bill_id' }],
    });
  });

  test.each([...BUILT_IN_TRIGGERS.map(({ code }) => code), 'OWN'])(
    'of the default shape works for %s',
    async (actionCategory) => {
      const { body } = await builder.preview({ actionCategory, labId: 7, mapping: null });
      expect(JSON.parse(body)).toMatchObject({ action_category: actionCategory, lab_id: 7 });
    },
  );
});

describe('a mapping to be saved', () => {
  test.each([
    ['does not parse', '{"a": '],
    ['calls a function that does not exist', '$uppercas(bill.patient.name)'],
    ['never ends', '($f := function(){$f()}; $f())'],
    ['wants all memory', '$pad("x", 3e8)'],
  ])('is refused where it %s', async (_why, mapping) => {
    await expect(check(mapping)).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'mapping' }],
    });
  });

  test.each([
    ['fails', '{"n": $number(bill.bill_number)}'],
    ['makes nothing', 'bill.own.field'],
    ['makes null', 'null'],
    ['makes a number', 'bill.total_amount'],
    ['makes a function', 'function($x){$x}'],
  ])('is refused where it %s on the sample; other data are the cure', async (_why, mapping) => {
    await expect(check(mapping)).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'mapping', reason: expect.stringContaining('check_data') }],
    });
  });

  test('is tried on the lab’s own data where they are given', async () => {
    const bill = { bill_id: 1, bill_number: '17', own: { field: 'W3' } };
    await expect(check('{"n": $number(bill.bill_number)}', { bill })).resolves.toBeUndefined();
    await expect(check('bill.own.field', { bill })).resolves.toBeUndefined();
    await expect(check('bill.other.field', { bill })).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'mapping', reason: expect.stringContaining('check_data') }],
    });
  });

  test('is not tried on data that the category would not take', async () => {
    await expect(check('bill', { bill: {} })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      errors: [{ field: 'check_data.bill.bill_id' }],
    });
  });

  test.each([
    ['a list', '[bill.bill_id]'],
    ['text', 'bill.bill_number'],
    ['an object in it', '{"patient": bill.patient}'],
    ['a list in it', '{"tests": bill.tests.code}'],
  ])('is refused for a GET where it makes %s', async (_what, mapping) => {
    await expect(check(mapping)).resolves.toBeUndefined();
    await expect(check(mapping, null, 'GET')).rejects.toMatchObject({
      code: 'MAPPING_FAILED',
      errors: [{ field: 'mapping', reason: expect.stringContaining('flat object') }],
    });
  });

  test('may make a flat object for a GET', async () => {
    const mapping = '{"id": bill.bill_id, "paid": false, "name": bill.patient.name, "note": null}';
    await expect(check(mapping, null, 'GET')).resolves.toBeUndefined();
  });
});
