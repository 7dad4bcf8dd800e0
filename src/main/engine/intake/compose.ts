import type { ActionCategory, LabIntegration } from '../../../shared/model/configuration.ts';
import type { NewDelivery } from '../../../shared/model/delivery.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { BuiltPayload, PayloadBuilder } from '../payload/builder.ts';
import { triggerFor } from '../triggers/index.ts';
import type { CheckedEvent } from './check.ts';
import { buildDelivery, type EventFacts } from './deliveries.ts';
import type { ObjectSet } from './object-set.ts';
import { impliedCategory } from './routes.ts';

/** What deliveries are composed with. */
export interface ComposeParts {
  configuration: ConfigurationLookup;
  payloads: PayloadBuilder;
  /** Where reports on new deliveries go. */
  callbackUrl: () => string;
}

/** By what way an event came. */
export type EventOrigin = Pick<EventFacts, 'batchId' | 'triggeredBy' | 'receivedAt'>;

/** A body that came ready, with the one rule that it goes by. */
export interface ReadyBody {
  rule: LabIntegration;
  payload: BuiltPayload;
}

/** An event's category, which may depend on whether its object was known. */
export function categoryOf(
  { route, plan, category: named, carried }: CheckedEvent,
  objects: ObjectSet,
  configuration: ConfigurationLookup,
): ActionCategory {
  const principal = plan && carried.find(({ kind }) => kind === plan.principal);
  const isFirst = !!principal && !objects.isStored(principal);
  // Without a plan the body had to name its category.
  const category = named ?? (plan && impliedCategory(plan, isFirst, configuration)) ?? null;
  if (!category) throw new Error(`${route} left its action category open.`);
  return category;
}

/**
 * The deliveries of an event: one for each of the lab's rules for its category, or the one by which
 * a ready body goes.
 * @param read reads objects that others link to
 */
export async function deliveriesOf(
  { configuration, payloads, callbackUrl }: ComposeParts,
  event: CheckedEvent,
  category: ActionCategory,
  objects: ObjectSet,
  origin: EventOrigin,
  read: (references: Reference[]) => Promise<(DomainObject | null)[]>,
  ready: ReadyBody | null = null,
): Promise<NewDelivery[]> {
  const { lab, body, eventId, data } = event;
  const rules = ready ? [ready.rule] : configuration.rulesFor(lab, category.actionCategoryListId);
  if (rules.length === 0) return [];

  await objects.followLinks(read);
  const trigger = triggerFor(category.code);
  const references: Reference[] = [{ kind: 'event', id: eventId }, ...objects.references()];
  const args =
    trigger.prepare(references, (reference) =>
      reference.kind === 'event' ? data : objects.document(reference),
    ) ?? data;
  const facts: EventFacts = {
    eventId,
    lab,
    category,
    priority: body.priority ?? 'ROUTINE',
    deliverBy: body.deliver_by === undefined ? null : Date.parse(body.deliver_by),
    orderingKey: body.ordering_key ?? null,
    references,
    ...origin,
    callbackUrl: callbackUrl(),
  };
  return Promise.all(
    rules.map((rule) =>
      buildDelivery(rule, facts, trigger, args, payloads, ready ? ready.payload : null),
    ),
  );
}
