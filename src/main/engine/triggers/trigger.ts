import type { z } from 'zod';
import type { Reference } from '../../../shared/model/domain.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import type { MappingBindings } from '../payload/evaluator.ts';
import {
  type CarriedObject,
  carriedObjects,
  type ObjectLookup,
  prepareArguments,
} from './objects.ts';

/** What LabRelay does for one action category. */
export interface Trigger {
  /** The category's stable code. */
  readonly code: string;
  /** The object that its events are about; null where they may be about anything. */
  readonly principal: DomainKind | null;
  /** What its event data must hold; labs' own fields are always welcome. */
  readonly data: z.ZodType;
  /** Fields that its principal has from this event on, whatever the data say. */
  readonly sets?: JsonObject;
  /** A made-up event, for previews and for checking mappings. */
  readonly sample: JsonObject;
  /** The domain objects that its data brings. */
  carried(data: JsonObject): CarriedObject[];
  /** Its arguments, built again from what its references name; undefined without the event itself. */
  prepare(references: readonly Reference[], lookup: ObjectLookup): JsonObject | undefined;
  /** What is sent where the rule has no mapping. Depends on its arguments alone, on no clock. */
  defaultPayload(args: JsonObject, bindings: MappingBindings): JsonObject;
}

/** The objects that an event brings, the one it is about with what the event says of itself. */
export function asSet(carried: readonly CarriedObject[], { principal, sets }: Trigger) {
  if (!sets) return carried;
  return carried.map((object) =>
    object.kind === principal ? { ...object, document: { ...object.document, ...sets } } : object,
  );
}

/** Makes a trigger from what distinguishes its category. */
export function defineTrigger(
  category: Pick<Trigger, 'code' | 'principal' | 'data' | 'sample' | 'sets'>,
): Trigger {
  return {
    ...category,
    carried: carriedObjects,
    prepare: prepareArguments,
    defaultPayload: (args, { log_id, event_id, action_category, lab_id }) => ({
      log_id,
      event_id,
      action_category,
      lab_id,
      data: args,
    }),
  };
}
