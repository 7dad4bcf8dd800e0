import { describe, expect, test } from 'vitest';
import { changedPaths, differences } from '../../../src/main/engine/retry/difference.ts';

const json = (value: unknown): string => JSON.stringify(value);

describe('how two bodies differ', () => {
  test('not at all, whatever the order of their members', () => {
    expect(differences('{"a":1,"b":[1,2]}', '{ "b": [1, 2], "a": 1 }')).toEqual([]);
  });

  test('by what was added, removed and changed, each at its place', () => {
    const before = json({ bill: { total: 100, note: 'x', 'a/b~c': 1 } });
    const after = json({ bill: { total: 120, discount: null, 'a/b~c': 2 } });
    expect(differences(before, after)).toEqual(
      expect.arrayContaining([
        { path: '/bill/total', kind: 'CHANGED', before: 100, after: 120 },
        { path: '/bill/note', kind: 'REMOVED', before: 'x' },
        { path: '/bill/discount', kind: 'ADDED', after: null },
        { path: '/bill/a~1b~0c', kind: 'CHANGED', before: 1, after: 2 },
      ]),
    );
  });

  test('one test more in the middle of a bill is one difference', () => {
    const one = (id: string, price = 10) => ({ test_id: id, price });
    const before = json({ tests: [one('A'), one('C')] });
    const after = json({ tests: [one('A'), one('B'), one('C', 12)] });
    expect(differences(before, after)).toEqual([
      { path: '/tests/1', kind: 'ADDED', after: one('B') },
      { path: '/tests/2/price', kind: 'CHANGED', before: 10, after: 12 },
    ]);
  });

  test('a list in another order tells what was moved', () => {
    const [a, b, c] = [{ id: 1 }, { id: 2 }, { id: 3 }];
    const [moved, ...others] = differences(json([a, b, c]), json([c, a, b]));
    expect(moved).toMatchObject({ path: '/0', kind: 'MOVED', after: { id: 3 } });
    expect(others).toEqual([]);
  });

  test('long texts are compared as wholes', () => {
    const [before, after] = ['a'.repeat(500), `${'a'.repeat(499)}b`];
    expect(differences(json({ text: before }), json({ text: after }))).toEqual([
      { path: '/text', kind: 'CHANGED', before, after },
    ]);
  });

  test('bodies that are no JSON are one value each', () => {
    expect(differences('MSH|1', 'MSH|2')).toEqual([
      { path: '', kind: 'CHANGED', before: 'MSH|1', after: 'MSH|2' },
    ]);
  });

  test.each([
    ['long bodies', json('a'.repeat(600_000)), json('b')],
    [
      'many lists',
      json(Array.from({ length: 20 }, () => Array.from({ length: 500 }, (_, id) => ({ id })))),
      json([1]),
    ],
    ['long lists', json(Array.from({ length: 200_000 }, (_, index) => index)), json([1])],
    ['deep ones', `${'['.repeat(90)}${']'.repeat(90)}`, json([1])],
  ])('%s differ as wholes, without their values: nobody waits for that', (_, before, after) => {
    expect(differences(before, after)).toEqual([{ path: '', kind: 'CHANGED' }]);
    expect(differences(before, before)).toEqual([]);
  });

  test('in places alone, no more than asked for', () => {
    const before = json({ a: 1, b: 2, c: 3 });
    const after = json({ a: 2, b: 3, c: 4 });
    expect(changedPaths(before, after, 2)).toEqual(['/a', '/b']);
  });
});
