import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BulkBody } from '../../src/main/http/bulk-body.ts';
import { LabRelayError } from '../../src/shared/errors.ts';

const FIELDS = ['lab_id', 'action_category'];

interface ReadBody {
  records: unknown[];
  envelope: unknown;
}

/** Reads a body that comes in pieces, cut where told. */
function read(body: string | Buffer, cuts: number[] = []): ReadBody {
  const bytes = Buffer.from(body as string);
  const records: unknown[] = [];
  const reader = new BulkBody('records', FIELDS, (record, text) => {
    expect(JSON.parse(text)).toEqual(record);
    records.push(record);
  });
  let from = 0;
  for (const cut of cuts.map((one) => one % (bytes.length + 1)).toSorted((a, b) => a - b)) {
    reader.write(bytes.subarray(from, cut));
    from = cut;
  }
  reader.write(bytes.subarray(from));
  return { records, envelope: reader.end() };
}

function faultOf(body: string | Buffer, cuts: number[] = []): { code: string; field?: string } {
  try {
    read(body, cuts);
  } catch (error) {
    if (!(error instanceof LabRelayError)) throw error;
    const field = error.errors[0]?.field;
    return { code: error.code, ...(field === undefined ? {} : { field }) };
  }
  return { code: 'TAKEN' };
}

/** White space may stand between any two marks. */
const space = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
const cuts = fc.array(fc.nat(5_000), { maxLength: 12 });
const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });

describe('a body that comes in pieces', () => {
  test('gives what JSON.parse gives of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(json, { maxLength: 6 }),
        fc.record({ lab_id: json, action_category: json }, { requiredKeys: [] }),
        fc.nat(2),
        fc.nat(3),
        space,
        cuts,
        (records, envelope, place, indent, gap, at) => {
          const entries = Object.entries(envelope);
          entries.splice(Math.min(place, entries.length), 0, ['records', records]);
          const text = gap + JSON.stringify(Object.fromEntries(entries), null, indent) + gap;
          const { records: expected, ...rest } = JSON.parse(text);
          expect(read(text, at)).toEqual({ records: expected, envelope: rest });
        },
      ),
    );
  });

  test('is refused exactly where JSON.parse refuses the whole', () => {
    const text = JSON.stringify({ lab_id: 7, records: [{ a: 'ä"\\', b: [1.5e3, null] }, {}] });
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', ' ', '0', 'x', '\n'),
        fc.nat(2),
        cuts,
        (place, put, removed, at) => {
          const broken = text.slice(0, place) + put + text.slice(place + removed);
          let isJson = true;
          try {
            JSON.parse(broken);
          } catch {
            isJson = false;
          }
          const fault = faultOf(broken, at);
          if (fault.code === 'TAKEN') expect(isJson).toBe(true);
          if (!isJson) expect(['INVALID_JSON', 'INVALID_INPUT']).toContain(fault.code);
        },
      ),
    );
  });

  test('keeps characters whole that a cut goes through', () => {
    const text = JSON.stringify({ records: [{ name: 'Äsha 🩸' }] });
    for (let cut = 0; cut < Buffer.byteLength(text); cut++) {
      expect(read(text, [cut, cut + 1]).records).toEqual([{ name: 'Äsha 🩸' }]);
    }
  });

  test('may begin with a whole byte order mark, as single events may', () => {
    expect(read('\ufeff{"records":[1]}', [1, 2]).records).toEqual([1]);
    expect(faultOf(Buffer.from([0xef, 0x7b]))).toMatchObject({ code: 'INVALID_JSON' });
  });
});

describe('a body that is refused', () => {
  test.each([
    ['ends too early', '{"records":[{"a":1}', 'INVALID_JSON', ''],
    ['is empty', '', 'INVALID_JSON', ''],
    ['goes on behind its end', '{"records":[]}{', 'INVALID_JSON', ''],
    ['is no object', '[1]', 'INVALID_INPUT', ''],
    ['has no list', '{"lab_id":7}', 'INVALID_INPUT', 'records'],
    ['has something else for a list', '{"records":{"0":{}}}', 'INVALID_INPUT', 'records'],
    ['has a field of its own', '{"lab":7,"records":[]}', 'INVALID_INPUT', 'lab'],
    ['has two lists', '{"records":[],"records":[]}', 'INVALID_INPUT', 'records'],
    ['means a prototype', '{"__proto__":{},"records":[]}', 'INVALID_INPUT', '__proto__'],
    ['has a comma too many', '{"records":[1,]}', 'INVALID_JSON', ''],
    ['has a broken record', '{"records":[{"a":tru}]}', 'INVALID_JSON', ''],
    ['nests without end', `{"records":[${'['.repeat(501)}`, 'INVALID_INPUT', 'records.0'],
  ])('%s', (_what, body, code, field) => {
    expect(faultOf(body)).toEqual({ code, field });
  });

  test('is no UTF-8: a letter of a name would become another', () => {
    const body = Buffer.from('{"records":[{"name":"Müller"}]}', 'latin1');
    expect(faultOf(body)).toEqual({ code: 'INVALID_JSON', field: '' });
  });

  test('has a record that is larger than a single event may be', () => {
    const reader = new BulkBody('records', FIELDS, () => {});
    reader.write(Buffer.from('{"records":[1,"'));
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    expect(() => {
      for (let part = 0; part <= 10; part++) reader.write(mebibyte);
    }).toThrow('records.1: must have at most 10485760 bytes');
  });

  test('never quotes what it holds', () => {
    try {
      read('{"records":[{"name":"Asha Verma" broken}]}');
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify((error as LabRelayError).toProblem())).not.toContain('Asha');
      expect((error as LabRelayError).message).toContain('record 0');
    }
  });
});
