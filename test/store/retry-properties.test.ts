import fc from 'fast-check';
import { test } from 'vitest';
import { ENDS, RetryModel, RULES, type Step } from './retry-model.ts';

const pick = fc.nat(20);
const end = fc.nat(ENDS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      rule: fc.nat(RULES.length - 1),
      deliverIn: fc.constantFrom(null, null, 1_500, 60_000),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      end,
      overHttp: fc.boolean(),
      isStopped: fc.constantFrom(false, false, false, true),
    }),
  },
  fc.constant<Step>({ do: 'crash' }),
  fc.constant<Step>({ do: 'die' }),
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(100, 1_000, 4_000, 20_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('due' as const),
      defer: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('late' as const), pick, end }) },
);

test('never more retries than the schedule has, none that its class forbids, and none once it is stopped', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }), (steps) => {
      const model = new RetryModel();
      try {
        for (const one of steps) model.run(one);
      } finally {
        model.close();
      }
    }),
  );
});
