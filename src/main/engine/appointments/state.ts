import { toIso } from '../../../shared/contract/common.ts';
import { appointmentStatus, timeTold } from '../../../shared/model/appointment.ts';
import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import { type Merged, mergeDocument, sameJson, type TimedDocument } from '../intake/merge.ts';

/** On which occasion an object changes. */
export interface Occasion {
  /** Null where no event brings the change but the lab's own system was asked. */
  eventId: string | null;
  /** Our own clock (epoch ms). */
  at: number;
  /** What a third party told beside its confirmation. */
  told?: JsonObject | undefined;
}

/** What tells of an appointment's confirmation; the last one is LabRelay's alone. */
const CONFIRMATION = ['confirmed_at', 'confirmed_by', 'confirmation'] as const;

/**
 * Merges an appointment as every object is merged, and keeps its status true besides:
 *
 * - It always has one; `BOOKED` where nobody has told any, and then no confirmation.
 * - What is confirmed stays confirmed, with its first confirmation. The lab's own system takes it
 *   back by `BOOKED` with a time of its own later than the arrival of the confirmation: an earlier
 *   state, or one without a time, may have been told by someone who did not know of it. Everything
 *   else in such a document counts as usual.
 * - `CANCELLED` needs no such proof, since to send people to a visit that does not take place is the
 *   worse mistake.
 *
 * Pure: the same documents and occasion give the same result.
 */
export function mergeAppointment(
  stored: TimedDocument | null,
  incoming: TimedDocument,
  occasion: Occasion,
): Merged {
  const merged = mergeDocument(stored, { ...incoming, document: withoutOurs(incoming.document) });
  const before = stored && appointmentStatus(stored.document);
  const told = appointmentStatus(merged.document);
  const isTakenBack = stored !== null && isLaterThanConfirmation(stored, incoming);
  const status = before === 'CONFIRMED' && told === 'BOOKED' && !isTakenBack ? 'CONFIRMED' : told;

  let document = withFields(merged.document, { status });
  if (status === 'CONFIRMED') {
    const confirmation =
      before === 'CONFIRMED'
        ? confirmationIn(stored?.document ?? {})
        : newConfirmation(incoming.document, occasion);
    document = withFields(document, confirmation);
  } else if (status === 'BOOKED') {
    document = withFields(document, confirmationIn({}));
  }
  const { sourceUpdatedAt } = merged;
  if (stored && sameJson(document, stored.document)) {
    const changed = sourceUpdatedAt !== stored.sourceUpdatedAt;
    return { document: stored.document, sourceUpdatedAt, changed };
  }
  return { document, sourceUpdatedAt, changed: true };
}

function withoutOurs(document: JsonObject): JsonObject {
  if (!Object.hasOwn(document, 'confirmation')) return document;
  const { confirmation: _ours, ...theirs } = document;
  return theirs;
}

/** The confirmation's fields as a document has them; undefined for those that it has not. */
function confirmationIn(document: JsonObject): Partial<JsonObject> {
  return Object.fromEntries(CONFIRMATION.map((field) => [field, document[field]]));
}

function newConfirmation(
  incoming: JsonObject,
  { eventId, at, told }: Occasion,
): Partial<JsonObject> {
  const now = toIso(at);
  const given = timeTold(incoming.confirmed_at);
  return {
    confirmed_at: given === null ? now : toIso(given),
    confirmed_by: incoming.confirmed_by ?? undefined,
    confirmation: { event_id: eventId, received_at: now, ...told },
  };
}

/** Whether the lab's system told this state knowing that the appointment had been confirmed. */
function isLaterThanConfirmation(stored: TimedDocument, incoming: TimedDocument): boolean {
  const { confirmation, confirmed_at: confirmedAt } = stored.document;
  const received = isJsonObject(confirmation) ? timeTold(confirmation.received_at) : null;
  const knownSince = received ?? timeTold(confirmedAt);
  if (incoming.sourceUpdatedAt === null) return false;
  return knownSince === null || incoming.sourceUpdatedAt > knownSince;
}

/** The document with these fields, those that are undefined removed; the very same where it has them. */
function withFields(document: JsonObject, fields: Partial<JsonObject>): JsonObject {
  let result = document;
  for (const [name, value] of Object.entries(fields)) {
    const has = Object.hasOwn(result, name);
    if (value === undefined ? !has : has && sameJson(result[name] ?? null, value)) continue;
    result = { ...result };
    if (value === undefined) delete result[name];
    else result[name] = value;
  }
  return result;
}
