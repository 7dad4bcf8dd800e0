import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBody, decodeBodyOrNull, encodeBody } from '../../src/main/store/bodies.ts';

describe('a body', () => {
  test('comes back as it was, whatever it holds', () => {
    const text = fc.string({ unit: 'binary', maxLength: 50 });
    fc.assert(
      fc.property(text, fc.nat({ max: 400 }), (unit, count) => {
        const body = unit.repeat(count);
        expect(decodeBody(encodeBody(body))).toBe(body);
      }),
    );
  });

  test('that is short is kept as text, so that the file can be read by hand', () => {
    const body = '{"name":"Zoë"}'.repeat(100);
    expect(encodeBody(body)).toBe(body);
  });

  test('that is long and repeats itself is kept compressed', () => {
    const body = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, name: 'Asha' })));
    const stored = encodeBody(body);
    expect(Buffer.isBuffer(stored)).toBe(true);
    expect((stored as Buffer).length).toBeLessThan(body.length / 4);
    // SQLite hands blobs back as other views of memory.
    expect(decodeBody(Buffer.from(stored as Buffer))).toBe(body);
  });

  test('that compressing hardly shortens is kept as text', () => {
    const letters = Array.from({ length: 4_000 }, () =>
      String.fromCodePoint(randomInt(0x21, 0x7f)),
    );
    const body = letters.join('');
    expect(typeof encodeBody(body)).toBe('string');
  });

  test('may be missing', () => {
    expect(decodeBodyOrNull(null)).toBeNull();
    expect(decodeBodyOrNull('')).toBe('');
  });
});
