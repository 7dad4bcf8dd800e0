import { toIso } from '../../shared/contract/common.ts';
import { BREAKER_OPENS_AT, PROBE_EVERY_MS } from '../../shared/model/breaker.ts';
import type { BreakerFigures } from '../../shared/model/health.ts';
import type { Audience, HealthCheck } from './health.ts';

/**
 * What health tells of circuit breakers. A partner in trouble is told of, but it is not ours: LabRelay
 * itself is well.
 */
export function breakerChecks(
  breakers: readonly BreakerFigures[],
  audience: Audience,
): HealthCheck[] {
  return breakers.map((breaker) => ({
    name: `integration ${breaker.labIntegrationId}`,
    ok: false,
    detail: breakerWords(breaker, audience),
  }));
}

function breakerWords(breaker: BreakerFigures, audience: Audience): string {
  const { failures, openReason: reason, openedAt } = breaker;
  const since = openedAt === null ? '' : ` since ${toIso(openedAt)}`;
  const inARow = `${failures} deliveries in a row have failed`;
  switch (reason) {
    case null:
      return `${inARow}; at ${BREAKER_OPENS_AT} only probes are sent`;
    case 'ENDPOINT_DOWN':
      return `the endpoint cannot be reached${since}; its deliveries wait, a probe goes every ${PROBE_EVERY_MS / 1_000} s`;
    case 'RULE_UNFIT':
      return `the rule or its credentials cannot be used as they are${since}; mend them (the newest attempt says what), its deliveries wait`;
    case 'BREAKER':
      return `${inARow}; only a probe goes${since}, every ${PROBE_EVERY_MS / 1_000} s`;
    case 'BY_HAND': {
      // A person's name and words are for people who have shown a key.
      const who =
        audience === 'people' ? ` by ${breaker.openedBy ?? ''} (${breaker.openNote ?? ''})` : '';
      return `its breaker was opened by hand${who}${since}; nothing is sent until a person closes it (setBreaker)`;
    }
  }
}
