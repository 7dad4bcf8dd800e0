import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CERTAINTIES } from '../../src/shared/model/vocabulary.ts';
import { OrderModel, RULES, type Step } from './order-model.ts';

const pick = fc.nat(30);
const add: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('add' as const),
  rule: fc.integer({ min: 0, max: RULES.length - 1 }),
  key: fc.constantFrom('A', 'A', 'B', null),
  stat: fc.constantFrom(false, false, false, true),
  deliverIn: fc.constantFrom(null, null, 60_000, 3_600_000),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: add },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      limit: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      pick,
      certainty: fc.constantFrom(...CERTAINTIES),
      overHttp: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('die' as const),
      pick,
      stamped: fc.constantFrom(true, true, false),
    }),
  },
  fc.constant<Step>({ do: 'crash' }),
  fc.record({
    do: fc.constant('wait' as const),
    ms: fc.constantFrom(100, 600, 60_000, 1_000_000, 1_800_000, 3_600_000),
  }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('requeue' as const), pick }) },
  fc.record({ do: fc.constant('confirm' as const), pick }),
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'due' }) },
  fc.record({ do: fc.constant('release' as const), pick }),
  fc.constant<Step>({ do: 'hold' }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('unhold' as const),
      pick,
      fate: fc.constantFrom('RELEASE', 'RELEASE', 'DROP', 'FAIL'),
    }),
  },
);

test('never two in flight on a key, never before an older one or a held head, and every task ends', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => {
      const model = new OrderModel();
      try {
        for (const one of steps) model.run(one);
        expect(model.finish()).toEqual([]);
      } finally {
        model.close();
      }
    }),
  );
});
