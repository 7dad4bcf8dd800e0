import type { DomainSource, Lab } from '../../../shared/model/configuration.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import { distinct, ObjectSet } from '../intake/object-set.ts';
import { carriedObjects, type CarriedObject, linkedReferences } from '../triggers/objects.ts';
import type { Transport } from '../dispatch/transport.ts';
import type { DomainObjectPort } from './port.ts';
import { SourceCache } from './source-cache.ts';
import { type AuthorizeSource, readFromSource, type SourceAnswer } from './source-reader.ts';

/** How often objects are merged anew when events change them at the same time. */
const MAX_TRIES = 4;
/** Calls to one lab's system at a time, so that a retry of thousands does not flood it. */
const CALLS_AT_ONCE = 4;

/** Objects as they stand now. */
export interface FreshObjects {
  /** In the order of the references; null where nobody has the object. */
  objects: (DomainObject | null)[];
  /** `SOURCE` where the lab's own system told at least one of them. */
  from: 'SOURCE' | 'LOCAL';
  /** Objects of which the lab's own system says that they do not exist; the local copy is not given. */
  missing: Reference[];
  /** Why the local copy had to serve, in words for an operator; null where it need not. */
  fallback: string | null;
}

/**
 * An object that has moved to another patient is a person's decision to pass on, by an event: built
 * into a log that is kept under the first patient it could be found by neither.
 */
const STRANGER =
  'The lab system names another patient, bill or sample for it than our own copy does; post it as an event if that is right.';

type SourceReference = Reference & { kind: DomainKind };

/**
 * Reads domain objects again: from the lab's own information system where it has one, else from the
 * local store. What the source tells is merged as an event's object would be (an older
 * `source_updated_at` never wins) and kept, so the local copy that serves when the source is down is
 * the last one known.
 */
export class FreshObjectReader {
  readonly #deps: {
    store: DomainObjectPort;
    transport: Transport;
    authorize: AuthorizeSource;
    clock: () => number;
  };
  readonly #cache: SourceCache;

  constructor(deps: {
    store: DomainObjectPort;
    transport: Transport;
    authorize: AuthorizeSource;
    /** Epoch milliseconds. */
    clock: () => number;
  }) {
    this.#deps = deps;
    this.#cache = new SourceCache(deps.clock);
  }

  /** Says that labs or credentials have changed: nothing remembered may be used any more. */
  forget(): void {
    this.#cache.clear();
  }

  /** @throws LabRelayError what the store throws; a lab system that fails is no error */
  async read(
    lab: Pick<Lab, 'labId' | 'domainSource'>,
    references: readonly Reference[],
  ): Promise<FreshObjects> {
    const source = lab.domainSource;
    const wanted = source?.isActive ? askable(source, references) : [];
    if (!source || wanted.length === 0) {
      const objects = await this.#local(lab.labId, references);
      return { objects, from: 'LOCAL', missing: [], fallback: null };
    }
    const answers = await this.#ask(source, lab.labId, wanted);
    const found: CarriedObject[][] = [];
    const missing: Reference[] = [];
    let fallback: string | null = null;
    for (const [index, reference] of wanted.entries()) {
      const answer = answers[index];
      switch (answer?.outcome) {
        case 'FOUND':
          found.push(carriedObjects({ [reference.kind]: answer.document }));
          break;
        case 'MISSING':
          missing.push({ kind: reference.kind, id: reference.id });
          break;
        default:
          fallback ??= answer?.message ?? null;
      }
    }
    const { objects, strangers } = await this.#merged(lab.labId, references, found);
    if (strangers > 0) fallback ??= STRANGER;
    for (const [index, { kind, id }] of references.entries()) {
      if (missing.some((gone) => gone.kind === kind && gone.id === id)) objects[index] = null;
    }
    const isFromSource = found.length > strangers;
    return { objects, from: isFromSource ? 'SOURCE' : 'LOCAL', missing, fallback };
  }

  async #local(labId: number, references: readonly Reference[]): Promise<(DomainObject | null)[]> {
    const { objects } = await this.#deps.store.readIntake({
      labId,
      references: [...references],
      eventId: null,
      bodyHash: '',
      idempotency: null,
    });
    return objects;
  }

  async #ask(
    source: DomainSource,
    labId: number,
    wanted: readonly SourceReference[],
  ): Promise<SourceAnswer[]> {
    const answers: SourceAnswer[] = [];
    const waiting = wanted.entries();
    const work = async (): Promise<void> => {
      for (const [index, { kind, id }] of waiting) {
        answers[index] = await this.#cache.ask(labId, `${kind} ${id}`, source.cacheMs, () =>
          readFromSource(this.#deps, source, labId, kind, id),
        );
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
    return answers;
  }

  /**
   * Merges what the source told into the local copies, and keeps what has changed.
   * @param found per answer the object, and what was embedded in it
   */
  async #merged(
    labId: number,
    references: readonly Reference[],
    found: readonly (readonly CarriedObject[])[],
  ): Promise<{ objects: (DomainObject | null)[]; strangers: number }> {
    const all = distinct([...references, ...found.flat()]);
    for (let tries = 1; ; tries++) {
      const set = new ObjectSet();
      const stored = await this.#local(labId, all);
      set.add(all, stored);
      const ours = found.filter(([object]) => !object || !isStranger(object, set.document(object)));
      const occasion = { eventId: null, at: this.#deps.clock() };
      for (const object of ours.flat()) set.merge(object, occasion);
      const writes = set.writes();
      const kept =
        writes.length === 0 ||
        (await this.#deps.store.saveObjects({
          labId,
          objects: writes,
          now: this.#deps.clock(),
        }));
      // Where events keep changing them, the merged state is as good, and the next reader keeps it.
      if (kept || tries === MAX_TRIES) {
        const objects = references.map((one) => set.object(one));
        return { objects, strangers: found.length - ours.length };
      }
    }
  }
}

/** Whether an answer names another patient (or bill, or sample) than our own copy of the object does. */
function isStranger({ kind, document }: CarriedObject, known: JsonObject | undefined): boolean {
  if (!known) return false;
  const links = new Map(linkedReferences(kind, known).map((link) => [link.kind, link.id]));
  return linkedReferences(kind, document).some(
    (link) => links.has(link.kind) && links.get(link.kind) !== link.id,
  );
}

/** The references that a source can be asked for, each once. */
function askable(source: DomainSource, references: readonly Reference[]): SourceReference[] {
  return distinct(references).filter(
    (reference): reference is SourceReference =>
      reference.kind !== 'event' && source.objects[reference.kind] !== undefined,
  );
}
