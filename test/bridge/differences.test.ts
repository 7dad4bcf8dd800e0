import { expect, test } from 'vitest';
import { differences } from '../../src/main/bridge/procedures/differences.ts';

test('two documents differ field by field, by path; lists as a whole', () => {
  expect(
    differences(
      {
        name: 'Bills',
        policy: { schedule: [1, 2], overrides: { 404: 'REFUSED' } },
        same: { a: 1 },
      },
      {
        name: 'Bills',
        policy: { schedule: [1, 3], overrides: { 409: 'ACCEPTED' } },
        same: { a: 1 },
      },
    ),
  ).toEqual([
    { path: 'policy.schedule', from: [1, 2], to: [1, 3] },
    { path: 'policy.overrides.404', from: 'REFUSED', to: null },
    { path: 'policy.overrides.409', from: null, to: 'ACCEPTED' },
  ]);
});

test('a text is told whole, however long; null and absent are the same', () => {
  const mapping = 'x'.repeat(5_000);
  expect(differences({ mapping: null, gone: null }, { mapping })).toEqual([
    { path: 'mapping', from: null, to: mapping },
  ]);
});

test('a name that objects inherit is a field like any other', () => {
  expect(differences({}, JSON.parse('{"toString":"x"}') as Record<string, string>)).toEqual([
    { path: 'toString', from: null, to: 'x' },
  ]);
});
