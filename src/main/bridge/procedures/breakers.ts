import { toIso } from '../../../shared/contract/common.ts';
import type { Output } from '../../../shared/contract/index.ts';
import type { BreakerRecord } from '../../../shared/model/breaker.ts';
import type { Breakers } from '../../engine/queue/breakers.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of what people see of circuit breakers and do to them. */
export function breakerHandlers(breakers: Breakers): Handlers<'listBreakers' | 'setBreaker'> {
  return {
    listBreakers: async () => ({ items: (await breakers.list()).map(breakerDocumentOf) }),
    setBreaker: async ({ lab_integration_id, state, reason }, caller) => {
      const { breaker, isChanged } = await breakers.set({
        labIntegrationId: lab_integration_id,
        state,
        actor: caller.name,
        note: reason,
      });
      return { ...breakerDocumentOf(breaker), changed: isChanged };
    },
  };
}

function breakerDocumentOf(breaker: BreakerRecord): Output<'listBreakers'>['items'][number] {
  return {
    lab_integration_id: breaker.labIntegrationId,
    name: breaker.name,
    state: breaker.openReason === null ? 'closed' : 'open',
    reason: breaker.openReason,
    since: toIso(breaker.openedAt),
    opened_by: breaker.openedBy,
    note: breaker.openNote,
    failures: breaker.failures,
    next_probe_at: toIso(breaker.probeAt),
    waiting: breaker.waiting,
  };
}
