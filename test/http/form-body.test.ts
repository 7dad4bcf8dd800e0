import { expect, test } from 'vitest';
import { formDocument } from '../../src/main/http/form-body.ts';

test.each([
  ['log_id=L1&status=SUCCESS', { log_id: 'L1', status: 'SUCCESS' }],
  ['message=all+is%20well', { message: 'all is well' }],
  ['data%5Blog_id%5D=L1&data[status]=OK', { data: { log_id: 'L1', status: 'OK' } }],
  ['data.log_id=L1', { data: { log_id: 'L1' } }],
  ['code=1&code=2&code=3', { code: ['1', '2', '3'] }],
  ['payload={"log_id":"L1","n":[1]}', { payload: { log_id: 'L1', n: [1] } }],
  ['payload={broken', { payload: '{broken' }],
  ['a=1&a[b]=2', { a: { '': '1', b: '2' } }],
  ['a.b.c.d=1', { 'a.b.c.d': '1' }],
  ['', {}],
])('the form %s', (form, document) => {
  expect(structuredClone({ ...formDocument(form) })).toEqual(document);
});

test('a field that is called as a prototype is nothing but a field', () => {
  const document = formDocument('__proto__[admin]=1&constructor=2');
  expect(Object.entries(document)).toHaveLength(2);
  expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
});
