import type { DomainSource, Lab } from '../../../shared/model/configuration.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { DomainKind } from '../../../shared/model/vocabulary.ts';
import { distinct, ObjectSet } from '../intake/object-set.ts';
import { carriedObjects, type CarriedObject } from '../triggers/objects.ts';
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
    const found: CarriedObject[] = [];
    const missing: Reference[] = [];
    let fallback: string | null = null;
    for (const [index, reference] of wanted.entries()) {
      const answer = answers[index];
      switch (answer?.outcome) {
        case 'FOUND':
          found.push(...carriedObjects({ [reference.kind]: answer.document }));
          break;
        case 'MISSING':
          missing.push({ kind: reference.kind, id: reference.id });
          break;
        default:
          fallback ??= answer?.message ?? null;
      }
    }
    const objects = await this.#merged(lab.labId, references, found);
    for (const [index, { kind, id }] of references.entries()) {
      if (missing.some((gone) => gone.kind === kind && gone.id === id)) objects[index] = null;
    }
    return { objects, from: found.length > 0 ? 'SOURCE' : 'LOCAL', missing, fallback };
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

  /** Merges what the source told into the local copies, and keeps what has changed. */
  async #merged(
    labId: number,
    references: readonly Reference[],
    found: readonly CarriedObject[],
  ): Promise<(DomainObject | null)[]> {
    const all = distinct([...references, ...found]);
    for (let tries = 1; ; tries++) {
      const set = new ObjectSet();
      const stored = await this.#local(labId, all);
      set.add(all, stored);
      for (const object of found) set.merge(object);
      const writes = set.writes();
      const kept =
        writes.length === 0 ||
        (await this.#deps.store.saveObjects({
          labId,
          objects: writes,
          now: this.#deps.clock(),
        }));
      // Where events keep changing them, the merged state is as good, and the next reader keeps it.
      if (kept || tries === MAX_TRIES) return references.map((one) => set.object(one));
    }
  }
}

/** The references that a source can be asked for, each once. */
function askable(source: DomainSource, references: readonly Reference[]): SourceReference[] {
  return distinct(references).filter(
    (reference): reference is SourceReference =>
      reference.kind !== 'event' && source.objects[reference.kind] !== undefined,
  );
}
