import type { OrderingKeys } from '../../engine/queue/ordering-keys.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of what people do to ordering keys. */
export function orderingHandlers(orderingKeys: OrderingKeys): Handlers<'releaseOrderingKey'> {
  return {
    releaseOrderingKey: async ({ log_id, reason }, caller) => {
      const { headLogId, waiting } = await orderingKeys.release(log_id, reason, caller.name);
      return { log_id: headLogId, waiting };
    },
  };
}
