import type { ActionCategory } from '../../../shared/model/configuration.ts';
import { triggerFor } from '../triggers/index.ts';
import { asSet } from '../triggers/trigger.ts';
import type { CheckedEvent } from './check.ts';
import type { ObjectSet } from './object-set.ts';

/**
 * Merges what an event brought into the objects as they were known, with what its category says of
 * them.
 * @param at epoch ms
 */
export function mergeEvent(
  { carried, eventId, told }: CheckedEvent,
  category: ActionCategory,
  objects: ObjectSet,
  at: number,
): void {
  const occasion = { eventId, at, told };
  for (const object of asSet(carried, triggerFor(category.code))) objects.merge(object, occasion);
}
