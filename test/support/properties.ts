import * as fc from 'fast-check';

/**
 * One seed for every property test, so that a run can be repeated and a release does not depend on
 * luck. `LABRELAY_PROPERTY_RUNS=5000 LABRELAY_PROPERTY_SEED=random` looks further; CONTRIBUTING
 * says when.
 */
const seed = process.env.LABRELAY_PROPERTY_SEED ?? '20261124';
const runs = process.env.LABRELAY_PROPERTY_RUNS;

fc.configureGlobal({
  ...(seed === 'random' ? {} : { seed: Number(seed) }),
  ...(runs ? { numRuns: Number(runs) } : {}),
});
