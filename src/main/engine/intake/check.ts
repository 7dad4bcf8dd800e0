import { parseInput } from '../../../shared/contract/common.ts';
import {
  type EventEnvelope,
  type EventRoute,
  parseEventBody,
} from '../../../shared/contract/events.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { ActionCategory, Lab } from '../../../shared/model/configuration.ts';
import type { Reference } from '../../../shared/model/domain.ts';
import type { IdempotencyUse } from '../../../shared/model/event.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { confirmationCall } from '../appointments/confirmation.ts';
import { triggerFor } from '../triggers/index.ts';
import { type CarriedObject, carriedObjects, linkedReferences } from '../triggers/objects.ts';
import { canonicalHash } from './canonical.ts';
import { newId } from './new-id.ts';
import { distinct } from './object-set.ts';
import { namedCategory, ROUTE_PLANS, type RoutePlan } from './routes.ts';

/** Who calls, as the access key told. */
export interface IntakeCaller {
  accessKeyId: number | null;
  /** Labs that the key may speak for; null: all. */
  labIds: number[] | null;
  /** The `Idempotency-Key` header. */
  idempotencyKey: string | null;
}

/** One request, checked as far as it can be without the store. */
export interface CheckedEvent {
  route: EventRoute;
  plan: RoutePlan | null;
  body: EventEnvelope & JsonObject;
  accessKeyId: number | null;
  lab: Lab;
  /** Null: depends on whether the object is known. */
  category: ActionCategory | null;
  data: JsonObject;
  carried: CarriedObject[];
  /** What a confirmation tells beside the appointment's own fields. */
  told?: JsonObject | undefined;
  /** What the event brings or names, in the order in which its logs keep it. */
  about: Reference[];
  eventId: string;
  bodyHash: string;
  idempotency: IdempotencyUse | null;
}

/**
 * The lab that a call is about, if the caller may speak for it.
 * @throws LabRelayError `UNKNOWN_LAB` or `FORBIDDEN`; field `lab_id`
 */
export function speaksFor(
  caller: Pick<IntakeCaller, 'labIds'>,
  labId: number,
  configuration: Pick<ConfigurationLookup, 'lab'>,
): Lab {
  const lab = configuration.lab(labId);
  if (!lab) {
    const reason = 'is no lab that LabRelay knows; correct it, or add the lab first';
    throw fieldError('UNKNOWN_LAB', 'lab_id', reason);
  }
  if (caller.labIds && !caller.labIds.includes(labId)) {
    const reason = 'is a lab that this access key may not speak for; use a key for it';
    throw fieldError('FORBIDDEN', 'lab_id', reason);
  }
  if (!lab.isActive) {
    throw fieldError('UNKNOWN_LAB', 'lab_id', 'is a lab that is switched off; switch it on first');
  }
  return lab;
}

function pick(body: JsonObject, keys: readonly string[]): JsonObject {
  const data: JsonObject = {};
  for (const key of keys) if (body[key] !== undefined) data[key] = body[key];
  return data;
}

/** The use of an `Idempotency-Key` by a request whose body has been validated; null without a key. */
export function idempotencyOf(
  caller: IntakeCaller,
  route: EventRoute,
  body: unknown,
): IdempotencyUse | null {
  return caller.idempotencyKey === null
    ? null
    : idempotencyUse(caller, route, canonicalHash(body as JsonObject));
}

function idempotencyUse(
  { accessKeyId, idempotencyKey }: IntakeCaller,
  route: EventRoute,
  bodyHash: string,
): IdempotencyUse | null {
  if (idempotencyKey === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    const reason = 'must have 1 to 255 visible ASCII characters';
    throw fieldError('INVALID_INPUT', 'Idempotency-Key', reason);
  }
  return { scope: scopeOf(accessKeyId, route), key: idempotencyKey, bodyHash };
}

/** Access key and route: two callers' keys never meet, nor those of two routes. */
export function scopeOf(accessKeyId: number | null, route: string): string {
  return `${accessKeyId ?? 'local'} ${route}`;
}

/**
 * Checks one request as far as it can be without the store.
 * @throws LabRelayError as `Intake.accept` tells
 */
export function checkEvent(
  route: EventRoute,
  given: unknown,
  caller: IntakeCaller,
  configuration: ConfigurationLookup,
): CheckedEvent {
  const body = parseEventBody(route, given);
  const lab = speaksFor(caller, body.lab_id, configuration);
  const plan = ROUTE_PLANS[route];
  const category =
    body.action_category === undefined
      ? null
      : namedCategory(body.action_category, route, configuration);
  const confirmation = plan?.confirms ? confirmationCall(body) : null;
  const data = confirmation?.data ?? (plan ? pick(body, plan.data) : (body.data as JsonObject));
  // An event whose category is still open has one of the plan's two, which ask for the same data.
  const trigger = triggerFor(category?.code ?? plan?.later ?? '');
  parseInput(trigger.data, data, plan ? '' : 'data');
  const carried = confirmation?.carried ?? carriedObjects(data);
  const about = distinct([
    ...carried,
    ...(body.references ?? []).map(({ kind, id }) => ({ kind, id: String(id) })),
    ...carried.flatMap(({ kind, document }) => linkedReferences(kind, document)),
  ]);
  // Hashing costs as much as the rest of this function; most events are never sent twice.
  const mayRepeat = caller.idempotencyKey !== null || body.event_id !== undefined;
  const bodyHash = mayRepeat ? canonicalHash(body) : '';
  return {
    route,
    plan,
    body,
    accessKeyId: caller.accessKeyId,
    lab,
    category,
    data,
    carried,
    told: confirmation?.told,
    about,
    eventId: body.event_id ?? newId(),
    bodyHash,
    idempotency: idempotencyUse(caller, route, bodyHash),
  };
}
