import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalHash, canonicalJson } from '../../../src/main/engine/intake/canonical.ts';
import { mergeDocument, sameJson } from '../../../src/main/engine/intake/merge.ts';
import type { JsonObject, JsonValue } from '../../../src/shared/model/json.ts';

const at = (sourceUpdatedAt: number | null, document: JsonObject) => ({
  document,
  sourceUpdatedAt,
});

describe('a partial document', () => {
  test('merges deeply; arrays are replaced; null is a value; absent says nothing', () => {
    const stored = at(1, { a: 1, b: { c: 1, d: 2 }, list: [1, 2], gone: 'x', kept: 'y' });
    const incoming = at(2, { b: { d: 3, e: 4 }, list: [3], gone: null });
    expect(mergeDocument(stored, incoming)).toEqual({
      document: { a: 1, b: { c: 1, d: 3, e: 4 }, list: [3], gone: null, kept: 'y' },
      sourceUpdatedAt: 2,
      changed: true,
    });
  });

  test('that is older fills in what is absent and overwrites nothing, not even null', () => {
    const stored = at(5, { name: 'new', phone: null, address: { city: 'X' } });
    const older = at(4, { name: 'old', phone: '1', address: { city: 'Y', zip: '2' }, extra: 3 });
    expect(mergeDocument(stored, older)).toEqual({
      document: { name: 'new', phone: null, address: { city: 'X', zip: '2' }, extra: 3 },
      sourceUpdatedAt: 5,
      changed: true,
    });
  });

  test('without a time of its own wins, and the known time stays', () => {
    expect(mergeDocument(at(5, { a: 1 }), at(null, { a: 2 }))).toEqual({
      document: { a: 2 },
      sourceUpdatedAt: 5,
      changed: true,
    });
  });

  test('that says nothing new changes nothing: the stored object itself is answered', () => {
    const stored = at(5, { a: { b: [1, { c: 2 }] }, x: 1 });
    const merged = mergeDocument(stored, at(5, { a: { b: [1, { c: 2 }] } }));
    expect(merged.changed).toBe(false);
    expect(merged.document).toBe(stored.document);
  });

  test('may use names that every JavaScript object has', () => {
    const merged = mergeDocument(at(1, {}), at(2, { constructor: 1, toString: 'x' }));
    expect(merged.document).toEqual({ constructor: 1, toString: 'x' });
  });

  test('keeps a field called __proto__ as a field, at any depth', () => {
    const parse = (text: string) => JSON.parse(text) as JsonObject;
    const once = mergeDocument(
      at(1, parse('{"a":{}}')),
      at(2, parse('{"a":{"__proto__":{"x":1}}}')),
    );
    expect(JSON.stringify(once.document)).toBe('{"a":{"__proto__":{"x":1}}}');
    const again = mergeDocument(once, at(2, parse('{"a":{"__proto__":{"y":2}}}')));
    expect(JSON.stringify(again.document)).toBe('{"a":{"__proto__":{"x":1,"y":2}}}');
    expect(mergeDocument(again, again).changed).toBe(false);
  });

  test('changes neither of the documents it is made from', () => {
    const stored = at(1, { a: { b: 1 } });
    const incoming = at(2, { a: { c: 2 } });
    const before = structuredClone([stored, incoming]);
    mergeDocument(stored, incoming);
    expect([stored, incoming]).toEqual(before);
  });
});

const json: fc.Arbitrary<JsonValue> = fc
  .jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const document = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', '__proto__'), json, {
  noNullPrototype: true,
});
const timed = fc.record({
  document,
  sourceUpdatedAt: fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }),
});

describe('whatever the documents', () => {
  test('merging the same twice changes nothing the second time', () => {
    fc.assert(
      fc.property(timed, timed, (stored, incoming) => {
        const once = mergeDocument(stored, incoming);
        const twice = mergeDocument(once, incoming);
        expect(twice.document).toEqual(once.document);
        expect(twice.changed).toBe(false);
      }),
    );
  });

  test('of two states with the same fields the newer one wins, in whichever order they come', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.integer()));
    const state = fc.record({
      id: leaf,
      name: leaf,
      address: fc.record({ city: leaf, zip: leaf }),
    });
    fc.assert(
      fc.property(state, state, (older, newer) => {
        const inOrder = mergeDocument(at(1, older), at(2, newer));
        const reversed = mergeDocument(at(2, newer), at(1, older));
        expect(inOrder.document).toEqual(newer);
        expect(reversed.document).toEqual(newer);
        expect(inOrder.sourceUpdatedAt).toBe(2);
        expect(reversed.sourceUpdatedAt).toBe(2);
      }),
    );
  });

  test('`changed` tells the truth', () => {
    fc.assert(
      fc.property(timed, timed, (stored, incoming) => {
        const merged = mergeDocument(stored, incoming);
        const same =
          sameJson(merged.document, stored.document) &&
          merged.sourceUpdatedAt === stored.sourceUpdatedAt;
        expect(merged.changed).toBe(!same);
      }),
    );
  });

  test('equal JSON has one canonical text, other JSON another', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(JSON.parse(canonicalJson(a))).toEqual(a);
        expect(canonicalHash(a) === canonicalHash(b)).toBe(sameJson(a, b));
      }),
    );
  });
});

test('the order of keys does not change the hash', () => {
  expect(canonicalHash({ a: 1, b: { d: [2], c: 3 } })).toBe(
    canonicalHash({ b: { c: 3, d: [2] }, a: 1 }),
  );
  expect(canonicalJson({ b: 1, a: [true, null, 'ü'] })).toBe('{"a":[true,null,"ü"],"b":1}');
});
