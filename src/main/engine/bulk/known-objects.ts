import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import { distinct, type ObjectSet } from '../intake/object-set.ts';
import { linkedReferences } from '../triggers/objects.ts';

/** How far links are followed ahead, as ObjectSet does. */
const LONGEST_CHAIN = 3;

const keyOf = ({ kind, id }: Reference) => `${kind} ${id}`;

type Read = (references: Reference[]) => Promise<(DomainObject | null)[]>;

/**
 * The domain objects that a chunk of a batch is about: read with as few questions as there are links
 * to follow, and then as the chunk's own records leave them, so that the later of two about one object
 * sees the earlier.
 */
export class KnownObjects {
  readonly #known = new Map<string, DomainObject | null>();
  /** What the chunk has changed; those behind it may be built before this is committed. */
  readonly #changed = new Map<string, DomainObject>();
  readonly #read: Read;

  /** @param before the chunks before, in order, that are not known to be committed yet */
  constructor(read: Read, before: readonly KnownObjects[]) {
    this.#read = read;
    for (const chunk of before) {
      for (const [key, object] of chunk.#changed) this.#known.set(key, object);
    }
  }

  /** Reads objects, and what they link to. */
  async load(references: readonly Reference[]): Promise<void> {
    let wanted = distinct(references);
    for (let step = 0; step <= LONGEST_CHAIN && wanted.length > 0; step++) {
      const objects = await this.read(wanted);
      wanted = distinct(
        objects.flatMap((object) =>
          object ? linkedReferences(object.kind as never, object.document) : [],
        ),
      ).filter((reference) => !this.#known.has(keyOf(reference)));
    }
  }

  /** Answers at once what is known, and asks for the rest. */
  async read(references: readonly Reference[]): Promise<(DomainObject | null)[]> {
    const missing = references.filter((reference) => !this.#known.has(keyOf(reference)));
    if (missing.length > 0) {
      const found = await this.#read(missing);
      for (const [index, reference] of missing.entries()) {
        // A record of this chunk may have changed it meanwhile.
        const key = keyOf(reference);
        if (!this.#known.has(key)) this.#known.set(key, found[index] ?? null);
      }
    }
    return this.at(references);
  }

  /** What is known of objects that were read before. */
  at(references: readonly Reference[]): (DomainObject | null)[] {
    return references.map((reference) => this.#known.get(keyOf(reference)) ?? null);
  }

  /** Takes over what an event has changed. */
  take(objects: ObjectSet, references: readonly Reference[]): void {
    for (const reference of references) {
      const object = objects.object(reference);
      if (!object) continue;
      this.#known.set(keyOf(reference), object);
      this.#changed.set(keyOf(reference), object);
    }
  }
}
