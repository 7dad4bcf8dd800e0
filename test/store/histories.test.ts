import fc from 'fast-check';
import { test } from 'vitest';
import { ENDS, Histories, RULES, type Step } from './histories.ts';

const pick = fc.nat(20);
const end = fc.nat(ENDS.length - 1);
const rule = fc.nat(RULES.length - 1);
const one = <T extends Step['do']>(name: T) => fc.constant(name);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: one('add'),
      rule,
      key: fc.constantFrom(null, 'a', 'a', 'b'),
      stat: fc.boolean(),
      deliverIn: fc.constantFrom(null, null, null, 3_000, 600_000),
    }),
  },
  { weight: 9, arbitrary: fc.record({ do: one('claim'), limit: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 12, arbitrary: fc.record({ do: one('stamp'), pick }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: one('settle'),
      pick,
      end,
      overHttp: fc.boolean(),
      goesBack: fc.boolean(),
      lateBy: fc.constantFrom(0, 0, 10, 100_000),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: one('reportTaken'), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: one('callback'),
      pick,
      end,
      ago: fc.constantFrom(0, 0, 50, 100_000),
      attempt: fc.constantFrom(null, null, 1, 2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: one('giveBack'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: one('bury'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: one('crash') }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: one('wait'),
      ms: fc.constantFrom(100, 1_000, 20_000, 100_000, 2_000_000, -3_600_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: one('due'),
      fate: fc.constantFrom('GO', 'GO', 'REPLACE', 'FAIL', 'DEFER'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: one('cancel'), pick }) },
  { weight: 3, arbitrary: fc.record({ do: one('retry'), pick, edited: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: one('resolve'), pick, delivered: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: one('active'), rule, isActive: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: one('retries'),
      rule,
      isRetryEnabled: fc.constantFrom(true, true, false),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: one('hold'), rule }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: one('unhold'),
      pick,
      kind: fc.constantFrom('RELEASE', 'RELEASE', 'DROP', 'FAIL'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one('breaker'),
      rule,
      state: fc.constantFrom('open', 'closed', 'closed'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: one('recovered') }) },
  { weight: 1, arbitrary: fc.record({ do: one('releaseKey'), pick }) },
  { weight: 5, arbitrary: fc.record({ do: one('lease'), limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ do: one('settleLease'), pick, end, start: fc.boolean() }) },
) as fc.Arbitrary<Step>;

test('whatever happens, a log, its task and its attempts tell the same', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => {
      const model = new Histories();
      try {
        for (const what of steps) model.run(what);
      } finally {
        model.close();
      }
    }),
  );
}, 60_000);
