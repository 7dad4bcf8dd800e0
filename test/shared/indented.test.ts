import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indented } from '../../src/shared/indented.ts';

test('JSON is indented, and every value stays as it is spelt', () => {
  const text = '{"price":1.10,"id":12345678901234567890,"none":{},"list":[1,[]],"s":"a,{\\"}: b"}';
  expect(indented(text)).toBe(
    [
      '{',
      '  "price": 1.10,',
      '  "id": 12345678901234567890,',
      '  "none": {},',
      '  "list": [',
      '    1,',
      '    []',
      '  ],',
      '  "s": "a,{\\"}: b"',
      '}',
    ].join('\n'),
  );
});

test('as a parser would do it, where nothing is lost by that', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(4), (value, spaces) => {
      expect(indented(JSON.stringify(value, null, spaces))).toBe(JSON.stringify(value, null, 2));
    }),
  );
});

test.each(['', '{"a":', 'MSH|^~\\&|', '••••'])('%j stays as it is', (text) => {
  expect(indented(text)).toBe(text);
});
