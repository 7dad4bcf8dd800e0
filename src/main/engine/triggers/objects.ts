import type { Reference } from '../../../shared/model/domain.ts';
import { isJsonObject, type JsonObject } from '../../../shared/model/json.ts';
import { DOMAIN_KINDS, type DomainKind } from '../../../shared/model/vocabulary.ts';

/** A domain object as an event brought it, what is embedded in it taken out. */
export interface CarriedObject {
  kind: DomainKind;
  id: string;
  document: JsonObject;
  /** The source's own time of this state (epoch ms), null where it told none. */
  sourceUpdatedAt: number | null;
}

/** Finds an object's current, merged document; undefined where the store has none. */
export type ObjectLookup = (reference: Reference) => JsonObject | undefined;

/** Which other objects each kind names by `<kind>_id`. */
const LINKS: Record<DomainKind, readonly DomainKind[]> = {
  patient: [],
  bill: ['patient'],
  sample: ['bill', 'patient'],
  report: ['sample', 'bill', 'patient'],
  appointment: ['bill', 'patient'],
};

function asId(value: unknown): string | null {
  if (typeof value === 'string') {
    return value.length <= 200 && /^\P{Cc}+$/u.test(value) ? value : null;
  }
  return Number.isSafeInteger(value) ? String(value) : null;
}

/** The id by which a document names itself (or what it belongs to), as text; null without one. */
export function idOf(kind: DomainKind, document: JsonObject): string | null {
  return asId(document[`${kind}_id`]);
}

function sourceTime(document: JsonObject): number | null {
  const given = document.source_updated_at;
  const time = typeof given === 'string' ? Date.parse(given) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** The objects that a document links to by id. */
export function linkedReferences(kind: DomainKind, document: JsonObject): Reference[] {
  const references: Reference[] = [];
  for (const linked of LINKS[kind]) {
    const id = idOf(linked, document);
    if (id !== null) references.push({ kind: linked, id });
  }
  return references;
}

/**
 * The domain objects that an event's data carries under their kinds' names. A patient embedded in
 * one of them becomes an object of its own, which the other keeps naming by `patient_id`; so a
 * patient's change reaches every later payload. Unless it tells its own time it is as old as what
 * carries it, or a bill that comes late would set the patient back.
 */
export function carriedObjects(data: JsonObject): CarriedObject[] {
  const carried: CarriedObject[] = [];
  for (const kind of DOMAIN_KINDS) {
    const given = data[kind];
    if (!isJsonObject(given)) continue;
    const id = idOf(kind, given);
    if (id === null) continue;
    const sourceUpdatedAt = sourceTime(given);
    const patient = kind === 'patient' ? undefined : given.patient;
    const patientId = isJsonObject(patient) ? idOf('patient', patient) : null;
    if (!isJsonObject(patient) || patientId === null) {
      carried.push({ kind, id, document: given, sourceUpdatedAt });
      continue;
    }
    const { patient: _embedded, ...document } = given;
    document.patient_id ??= patient.patient_id ?? patientId;
    const patientTime = sourceTime(patient) ?? sourceUpdatedAt;
    carried.push(
      { kind, id, document, sourceUpdatedAt },
      { kind: 'patient', id: patientId, document: patient, sourceUpdatedAt: patientTime },
    );
  }
  return carried;
}

/** An object as it stands now, its patient in it again; as the event gave it where the store has none. */
function freshObject(
  kind: DomainKind,
  id: string,
  given: JsonObject | undefined,
  lookup: ObjectLookup,
): JsonObject | undefined {
  const document = lookup({ kind, id }) ?? given;
  if (!document || kind === 'patient') return document;
  const patientId = idOf('patient', document);
  const patient = patientId === null ? undefined : lookup({ kind: 'patient', id: patientId });
  return patient ? { ...document, patient } : document;
}

/** What several objects of a kind are called together. */
const listName = (kind: DomainKind) => `${kind}s`;

/**
 * A trigger's arguments, built from domain objects only, so that the first run and a retry years
 * later go the same way: the event's own document, each object in it replaced by its current
 * state, and what the references name beside it added under its kind's name: the first of a kind as
 * `bill`, and where there are several, all of them in order as `bills` too.
 *
 * @param references the event first, as logs keep them
 * @returns undefined where the event's own document is no longer kept
 */
export function prepareArguments(
  references: readonly Reference[],
  lookup: ObjectLookup,
): JsonObject | undefined {
  const [event, ...others] = references;
  const document = event?.kind === 'event' ? lookup(event) : undefined;
  if (!document) return undefined;
  const args = { ...document };
  for (const kind of DOMAIN_KINDS) {
    const given = args[kind];
    if (!isJsonObject(given)) continue;
    const id = idOf(kind, given);
    if (id !== null) args[kind] = freshObject(kind, id, given, lookup) ?? given;
  }
  // Patients stand inside what they belong to; one stands alone only where nothing else is named.
  const alone = others.every(({ kind }) => kind === 'patient');
  for (const { kind, id } of others) {
    if (kind === 'event' || Object.hasOwn(args, kind) || (kind === 'patient' && !alone)) continue;
    const object = freshObject(kind, id, undefined, lookup);
    if (object) args[kind] = object;
  }
  if (others.length > 1) addLists(args, document, others, lookup);
  return args;
}

/** Adds all objects of each kind that is named more than once. A field of the event's own stays. */
function addLists(
  args: JsonObject,
  event: JsonObject,
  references: readonly Reference[],
  lookup: ObjectLookup,
): void {
  for (const kind of DOMAIN_KINDS) {
    const ids = references.filter((one) => one.kind === kind).map(({ id }) => id);
    if (ids.length < 2 || Object.hasOwn(args, listName(kind))) continue;
    const given = event[kind];
    const objects = ids.flatMap((id) => {
      const brought = isJsonObject(given) && idOf(kind, given) === id ? given : undefined;
      return freshObject(kind, id, brought, lookup) ?? [];
    });
    if (objects.length > 1) args[listName(kind)] = objects;
  }
}
