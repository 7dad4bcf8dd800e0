import type { BuiltRevision } from '../../../shared/model/delivery.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import type { ObjectsFrom } from '../../../shared/model/vocabulary.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { ObjectSet } from '../intake/object-set.ts';
import { triggerFor } from '../triggers/index.ts';
import type { PayloadBuilder } from './builder.ts';

/** A lab's domain objects as they stand now. */
interface ObjectsNow {
  /** In the order of the references; null where nobody has the object. */
  objects: (DomainObject | null)[];
  /** `SOURCE` where the lab's own system told at least one of them. */
  from: ObjectsFrom;
  /** Those of which the lab's own system says that they do not exist (any more). */
  missing: readonly Reference[];
  /** Why our own copy had to serve, in words for an operator; null where it need not. */
  fallback: string | null;
}

/** Reads a lab's domain objects; the event's own document is one of them. */
export type ReadObjects = (labId: number, references: readonly Reference[]) => Promise<ObjectsNow>;

/** A log whose body is to be built anew. */
export interface RebuildableLog {
  logId: string;
  labId: number;
  labIntegrationId: number;
  actionCategory: string;
  eventId: string | null;
  /** The event first, as its retry context has them. */
  references: readonly Reference[];
  /** Of its present body; empty where it has none. */
  sha256: string;
  /** Its body came ready; there is nothing that it could be built from. */
  isBodyGiven: boolean;
}

export type Rebuilt =
  /**
   * The very bytes that it has: they keep their revision, and so their key at the receiver. Null where
   * nothing was read, since its body came ready.
   */
  | ({ outcome: 'SAME' } & (ReadFrom | { objectsFrom: null; fallback: null }))
  | { outcome: 'CHANGED'; revision: BuiltRevision }
  /** For an operator; holds no value of the input. */
  | { outcome: 'FAILED'; why: RebuildFault; message: string };

type ReadFrom = Pick<BuiltRevision, 'objectsFrom' | 'fallback'>;

/**
 * Why a body cannot be built anew: its rule is gone; an object of it, or its event, is; the mapping
 * fails on it.
 */
export type RebuildFault = 'RULE_GONE' | 'OBJECT_GONE' | 'MAPPING_FAILED';

export interface RebuildParts {
  configuration: Pick<ConfigurationLookup, 'integration'>;
  payloads: PayloadBuilder;
  readObjects: ReadObjects;
}

/** The mapping of an earlier version of a rule; everything else is the rule's as it is now. */
export interface PinnedMapping {
  mapping: string | null;
  version: number;
}

/**
 * Runs a log's trigger again: its objects as they stand now, through the present mapping of its rule.
 * What cannot be built is a result.
 * @param pinned an earlier mapping, which is to be used instead
 * @throws what reading objects throws, and where mappings cannot be evaluated at all
 */
export async function rebuild(
  { configuration, payloads, readObjects }: RebuildParts,
  log: RebuildableLog,
  pinned: PinnedMapping | null = null,
): Promise<Rebuilt> {
  const present = configuration.integration(log.labIntegrationId);
  const rule = present && { ...present, ...pinned };
  if (!rule) return failed('RULE_GONE', 'The rule of this delivery no longer exists.');
  if (log.isBodyGiven) return { outcome: 'SAME', objectsFrom: null, fallback: null };
  const objects = new ObjectSet();
  let objectsFrom: ObjectsFrom = 'LOCAL';
  let fallback: string | null = null;
  const gone: Reference[] = [];
  const read = async (references: readonly Reference[]) => {
    const answer = await readObjects(log.labId, references);
    if (answer.from === 'SOURCE') objectsFrom = 'SOURCE';
    fallback ??= answer.fallback;
    gone.push(...answer.missing);
    return answer.objects;
  };
  objects.add(log.references, await read(log.references));
  await objects.followLinks(read);
  if (gone[0])
    return failed('OBJECT_GONE', `The lab's own system has no such ${gone[0].kind} any more.`);

  const trigger = triggerFor(log.actionCategory);
  const args = trigger.prepare(log.references, (reference) => objects.document(reference));
  if (!args)
    return failed(
      'OBJECT_GONE',
      'The event of this delivery is no longer kept, so its body cannot be built anew.',
    );
  const payload = await payloads.build({
    integration: rule,
    trigger,
    args,
    bindings: {
      log_id: log.logId,
      event_id: log.eventId ?? log.logId,
      lab_id: log.labId,
      action_category: log.actionCategory,
    },
  });
  if (!payload.ok) return failed('MAPPING_FAILED', payload.message);
  if (payload.sha256 === log.sha256) return { outcome: 'SAME', objectsFrom, fallback };
  const { body, contentType, sha256 } = payload;
  const configVersion = rule.version;
  const revision = { body, contentType, sha256, configVersion, objectsFrom, fallback };
  return { outcome: 'CHANGED', revision };
}

function failed(why: RebuildFault, message: string): Rebuilt {
  return { outcome: 'FAILED', why, message };
}
