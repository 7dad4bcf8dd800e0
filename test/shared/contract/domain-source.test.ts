import { expect, test } from 'vitest';
import { parseInput } from '../../../src/shared/contract/common.ts';
import { domainSourceInput } from '../../../src/shared/contract/configuration/domain-source.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';

const source = { base_url: 'https://lis.example/api', objects: { bill: { path: '/bills/{id}' } } };

/** The fields that an input is refused for, each with its reason. */
function refusals(input: object): string[] {
  try {
    parseInput(domainSourceInput, input);
  } catch (error) {
    if (!(error instanceof LabRelayError)) throw error;
    return error.errors.map(({ field, reason }) => `${field} ${reason}`);
  }
  return [];
}

test('takes a source with a path, and one with everything', () => {
  expect(refusals(source)).toEqual([]);
  const whole = {
    ...source,
    developer_authentication_id: 3,
    objects: {
      patient: { path: '/p/{id}?lab={lab_id}', object_at: '/data/0' },
      bill: { path: '/b/{id}' },
      sample: { path: '/s/{id}' },
      report: { path: '/r/{id}' },
      appointment: { path: '/a/{id}' },
    },
    timeout_ms: 100,
    cache_ms: 0,
    is_active: false,
  };
  expect(parseInput(domainSourceInput, whole)).toEqual(whole);
});

test.each([
  ['bills/{id}', 'must begin with /'],
  ['/bills', 'must hold {id}'],
  ['/bills/{id}/{bill}', 'holds {bill}'],
  ['/bills/{id}}', 'has a brace'],
  ['/a/../{id}', 'must not hold . or ..'],
  ['/a b/{id}', 'must begin with / and hold no spaces'],
  ['/a/{id}#x', 'must not hold a fragment'],
])('refuses the path %s', (path, reason) => {
  expect(refusals({ ...source, objects: { bill: { path } } })).toEqual([
    expect.stringMatching(
      new RegExp(`^objects\\.bill\\.path ${reason.replaceAll(/[.{}]/g, '\\$&')}`),
    ),
  ]);
});

test.each([
  ['base_url', { ...source, base_url: 'ftp://lis' }],
  ['base_url', { ...source, base_url: 'https://lis.example/?a=1' }],
  ['objects', { ...source, objects: {} }],
  ['objects.event', { ...source, objects: { event: { path: '/{id}' } } }],
  [
    'objects.bill.object_at',
    { ...source, objects: { bill: { path: '/{id}', object_at: 'data' } } },
  ],
  ['timeout_ms', { ...source, timeout_ms: 1 }],
  ['cache_ms', { ...source, cache_ms: -1 }],
])('refuses a bad %s, naming it', (field, input) => {
  expect(refusals(input)[0]).toMatch(new RegExp(`^${field} \\S`));
});
