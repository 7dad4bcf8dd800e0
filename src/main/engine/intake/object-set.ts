import type { DomainObject, ObjectWrite, Reference } from '../../../shared/model/domain.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import { mergeAppointment, type Occasion } from '../appointments/state.ts';
import { type CarriedObject, linkedReferences } from '../triggers/objects.ts';
import { mergeDocument } from './merge.ts';

/** How far links are followed: report → sample → bill → patient. */
const LONGEST_CHAIN = 3;

type Read = (references: Reference[]) => Promise<(DomainObject | null)[]>;

interface Entry extends Reference {
  /** Undefined where the store has no such object and the event brought none. */
  document: JsonObject | undefined;
  sourceUpdatedAt: number | null;
  baseVersion: number | null;
  changed: boolean;
}

const keyOf = ({ kind, id }: Reference) => `${kind} ${id}`;

/** References without repeats, first come first. */
export function distinct(references: Iterable<Reference>): Reference[] {
  const found = new Map<string, Reference>();
  for (const { kind, id } of references) {
    const key = keyOf({ kind, id });
    if (!found.has(key)) found.set(key, { kind, id });
  }
  return [...found.values()];
}

/** The domain objects that one event touches: as the store has them, with what it brought merged in. */
export class ObjectSet {
  readonly #entries = new Map<string, Entry>();

  /** Takes what the store answered; null where it has no such object. */
  add(references: readonly Reference[], objects: readonly (DomainObject | null)[]): void {
    for (const [index, { kind, id }] of references.entries()) {
      const stored = objects[index];
      this.#entries.set(keyOf({ kind, id }), {
        kind,
        id,
        document: stored?.document,
        sourceUpdatedAt: stored?.sourceUpdatedAt ?? null,
        baseVersion: stored?.version ?? null,
        changed: false,
      });
    }
  }

  /** Whether the store had this object before the event. */
  isStored(reference: Reference): boolean {
    return (this.#entries.get(keyOf(reference))?.baseVersion ?? null) !== null;
  }

  /** Merges in an object that the event brought; it must have been added before. */
  merge(carried: CarriedObject, occasion: Occasion): void {
    const entry = this.#entries.get(keyOf(carried));
    if (!entry) throw new Error(`The ${carried.kind} was not read before merging.`);
    const stored = entry.document
      ? { document: entry.document, sourceUpdatedAt: entry.sourceUpdatedAt }
      : null;
    const merged =
      carried.kind === 'appointment'
        ? mergeAppointment(stored, carried, occasion)
        : mergeDocument(stored, carried);
    entry.document = merged.document;
    entry.sourceUpdatedAt = merged.sourceUpdatedAt;
    entry.changed ||= merged.changed;
  }

  document(reference: Reference): JsonObject | undefined {
    return this.#entries.get(keyOf(reference))?.document;
  }

  /** An object as it stands now; its version is the one that it will have once it is written. */
  object(reference: Reference): DomainObject | null {
    const entry = this.#entries.get(keyOf(reference));
    if (!entry?.document) return null;
    const { kind, id, document, sourceUpdatedAt, baseVersion, changed } = entry;
    return { kind, id, document, sourceUpdatedAt, version: (baseVersion ?? 0) + (changed ? 1 : 0) };
  }

  /** Reads what the objects link to, and what that links to; asks nothing where all is known. */
  async followLinks(read: Read): Promise<void> {
    for (let step = 0; step < LONGEST_CHAIN; step++) {
      const missing = this.#links().filter((link) => !this.#entries.has(keyOf(link)));
      if (missing.length === 0) return;
      const references = distinct(missing);
      this.add(references, await read(references));
    }
  }

  /** All objects known, those added first first. */
  references(): Reference[] {
    return [...this.#entries.values()].map(({ kind, id }) => ({ kind, id }));
  }

  writes(): ObjectWrite[] {
    const writes: ObjectWrite[] = [];
    for (const {
      kind,
      id,
      document,
      sourceUpdatedAt,
      baseVersion,
      changed,
    } of this.#entries.values()) {
      if (changed && document) writes.push({ kind, id, baseVersion, sourceUpdatedAt, document });
    }
    return writes;
  }

  #links(): Reference[] {
    const links: Reference[] = [];
    for (const { kind, document } of this.#entries.values()) {
      if (document && kind !== 'event') links.push(...linkedReferences(kind, document));
    }
    return links;
  }
}
