import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskBody, maskContext } from '../../../src/main/bridge/masking/mask-body.ts';

const ID = '0197b2f0-0000-7000-8000-000000000001';
const masked = (body: unknown, shown: string[] = []) =>
  maskBody(typeof body === 'string' ? body : JSON.stringify(body), maskContext(shown));
const document = (body: unknown, shown: string[] = []) =>
  JSON.parse(masked(body, shown)) as unknown;

describe('a JSON body', () => {
  test('keeps its keys and structure, and no value', () => {
    const body = {
      patient: { name: 'Asha Verma', age: 41, phones: ['98450 12345', null], smoker: true },
      results: [{ test: 'HIV', positive: true, value: 12.5 }],
    };
    expect(document(body)).toEqual({
      patient: { name: '••••', age: '••••', phones: ['••••', null], smoker: '••••' },
      results: [{ test: '••••', positive: '••••', value: '••••' }],
    });
  });

  test('keeps ids that the document shows anyway, under an id’s key alone', () => {
    const body = { log_id: ID, bill_id: 17, patient_id: 17, note: ID, lab_id: 9 };
    expect(document(body, [ID, '17'])).toEqual({
      log_id: ID,
      bill_id: 17,
      patient_id: '••••',
      note: '••••',
      lab_id: '••••',
    });
  });

  test('keeps the words of a status and the flags of a call', () => {
    expect(document({ status: 'accepted', ok: true, http_status: 201 })).toEqual({
      status: 'accepted',
      ok: true,
      http_status: 201,
    });
    // The same keys with something else, and the same words under other keys.
    expect(document({ status: 'deceased', code: 250, message: 'Asha', pregnant: true })).toEqual({
      status: '••••',
      code: '••••',
      message: '••••',
      pregnant: '••••',
    });
  });

  test('masks keys that are no program’s, and tells them apart', () => {
    const body = { 'Asha Verma': 1, 'Ben Rao': { id: 2 }, P9845012345: 3, 9845012345: 4 };
    const text = masked(body);
    expect(text).not.toMatch(/Asha|Ben|9845/);
    expect(Object.keys(JSON.parse(text) as object)).toHaveLength(4);
  });

  test('may have keys that mean something to JavaScript', () => {
    expect(masked('{"__proto__": {"name": "Asha"}, "constructor": "Asha"}')).toBe(
      '{"__proto__":{"name":"••••"},"constructor":"••••"}',
    );
  });

  test('holds no marker, wherever it stood', () => {
    // Word characters alone, so that escaping cannot hide it from the search.
    const marked = fc.string().map((text) => `Zqx ${text}`);
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        marked,
        fc.array(tie('value')),
        fc.dictionary(marked, tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(json, (value) => {
        expect(masked(JSON.stringify(value))).not.toContain('Zqx');
      }),
    );
  });
});

describe('any other body is masked whole, with its length', () => {
  test.each([
    ['text', 'Asha Verma'],
    ['XML', '<patient>Asha</patient>'],
    ['HL7', 'MSH|^~\\&|LAB\rPID|1||P1||VERMA^ASHA'],
    ['JSON that was cut off', '{"name": "Asha", "resu'],
    ['a JSON text', '"Asha"'],
    ['a JSON number', '9845012345'],
  ])('%s', (_, body) => {
    expect(masked(body)).toBe(`•••• (masked: ${body.length} characters)`);
  });

  test('an empty one stays empty', () => {
    expect(masked('')).toBe('');
  });

  test('a huge one, at once', () => {
    const huge = JSON.stringify({ name: 'A'.repeat(10 * 1024 * 1024) });
    const began = performance.now();
    expect(masked(huge)).toBe(`•••• (masked: ${huge.length} characters)`);
    expect(performance.now() - began).toBeLessThan(50);
  });

  test('what is left of a document with very many', () => {
    const context = maskContext([]);
    const body = JSON.stringify({ name: 'A'.repeat(100_000) });
    const bodies = Array.from({ length: 20 }, () => maskBody(body, context));
    expect(bodies.at(0)).toBe('{"name":"••••"}');
    expect(bodies.at(-1)).toBe(`•••• (masked: ${body.length} characters)`);
  });

  test('depth that would overflow the stack', () => {
    const deep = `${'['.repeat(50_000)}"Asha"${']'.repeat(50_000)}`;
    expect(masked(deep)).not.toContain('Asha');
  });
});
