import type { BatchEvent, OpenBatch, Rejection } from '../../../shared/model/batch.ts';
import type { DomainObject, Reference } from '../../../shared/model/domain.ts';
import { categoryOf, type ComposeParts, deliveriesOf, type ReadyBody } from '../intake/compose.ts';
import { changedBy } from '../intake/intake.ts';
import { mergeEvent } from '../intake/merge-event.ts';
import { ObjectSet } from '../intake/object-set.ts';
import { KnownObjects } from './known-objects.ts';
import type { BuildPort } from './port.ts';
import type { CheckedRecord, RecordChecks } from './records.ts';

/** How long the building of a chunk may keep other work waiting (ms). */
const SLICE_MS = 4;

export interface ChunkParts extends ComposeParts {
  store: Pick<BuildPort, 'readIntake' | 'knownEvents'>;
}

/** Records that belong together, as they are to be committed. */
export interface BuiltChunk {
  /** Of the first record. */
  from: number;
  /** Records from here on are not part of it. */
  upTo: number;
  events: BatchEvent[];
  rejections: Rejection[];
  known: KnownObjects;
  /** The objects that it changes, as those that take events tell each other. */
  changes: string[];
}

/** What a chunk is built of, and after which. */
export interface ChunkPlan {
  batch: OpenBatch;
  checks: RecordChecks;
  from: number;
  /** JSON texts of its records. */
  lines: readonly string[];
  /** The chunks before, in order, that are not known to be committed yet. */
  before: readonly KnownObjects[];
  /** Ids that callers gave to events of this batch, with the record of each. */
  eventIds: Map<string, number>;
}

/**
 * Builds a chunk of a batch: each record an event of its own, checked, merged and made into deliveries
 * as if it had come alone, in the order of the records.
 */
export async function buildChunk(parts: ChunkParts, plan: ChunkPlan): Promise<BuiltChunk> {
  const { batch, checks, from, lines, before } = plan;
  const breath = new Breath();
  const records: CheckedRecord[] = [];
  for (const [offset, line] of lines.entries()) {
    records.push(checks.check(from + offset, line));
    await breath.take();
  }
  const labId = batch.envelope?.labId ?? 0;
  const read = async (references: Reference[]): Promise<(DomainObject | null)[]> => {
    const question = { labId, references, eventId: null, bodyHash: '', idempotency: null };
    return (await parts.store.readIntake(question)).objects;
  };
  const known = new KnownObjects(read, before);
  const [taken] = await Promise.all([
    refuseTakenIds(parts, plan, labId, records),
    known.load(records.flatMap((one) => (one.kind === 'REJECTED' ? [] : one.event.about))),
  ]);

  const events: Promise<BatchEvent>[] = [];
  const rejections: Rejection[] = [];
  const changes: string[] = [];
  for (const record of taken) {
    if (record.kind === 'REJECTED') {
      const { index, field, reason } = record;
      rejections.push({ index, field, reason });
      continue;
    }
    events.push(compose(parts, batch, record, known));
    changes.push(...changedBy(record.event));
    await breath.take();
  }
  return {
    from,
    upTo: from + lines.length,
    events: await Promise.all(events),
    rejections,
    known,
    changes,
  };
}

/** What it changes is known to those after it before this returns; only its deliveries take longer. */
function compose(
  parts: ChunkParts,
  batch: OpenBatch,
  record: Exclude<CheckedRecord, { kind: 'REJECTED' }>,
  known: KnownObjects,
): Promise<BatchEvent> {
  const { event } = record;
  const objects = new ObjectSet();
  objects.add(event.about, known.at(event.about));
  const category = categoryOf(event, objects, parts.configuration);
  mergeEvent(event, category, objects, batch.receivedAt);
  const writes = objects.writes();
  known.take(objects, writes);
  const written = writes.map((one) => ({ ...one, document: JSON.stringify(one.document) }));
  const { batchId, triggeredBy, receivedAt } = batch;
  const ready: ReadyBody | null =
    record.kind === 'TASK'
      ? { rule: record.rule, payload: parts.payloads.given(record.body, record.rule) }
      : null;
  return deliveriesOf(
    parts,
    event,
    category,
    objects,
    { batchId, triggeredBy, receivedAt },
    (references) => known.read(references),
    ready,
  ).then((deliveries) => ({
    position: record.index,
    event: {
      eventId: event.eventId,
      actionCategoryListId: category.actionCategoryListId,
      document: record.document,
      bodyHash: event.bodyHash,
    },
    objects: written,
    deliveries,
  }));
}

/** Refuses events whose own id was used before, in the store or in this batch. */
async function refuseTakenIds(
  { store }: ChunkParts,
  { eventIds }: ChunkPlan,
  labId: number,
  records: readonly CheckedRecord[],
): Promise<CheckedRecord[]> {
  const named = records.filter((one) => one.kind === 'TASK' && one.event.bodyHash !== '');
  if (named.length === 0) return [...records];
  const asked = named.flatMap((one) => (one.kind === 'TASK' ? [one.event.eventId] : []));
  const stored = await store.knownEvents({ labId, eventIds: asked });
  const hashes = new Map(stored.map(({ eventId, bodyHash }) => [eventId, bodyHash]));
  return records.map((record) => {
    if (record.kind !== 'TASK' || record.event.bodyHash === '') return record;
    const { index, eventIdField: field } = record;
    const { eventId, bodyHash } = record.event;
    const hash = hashes.get(eventId);
    const earlier = eventIds.get(eventId);
    if (hash === bodyHash) {
      const reason =
        'is an event that was taken before, with this very content; it is not sent again';
      return { kind: 'REJECTED', index, field, reason };
    }
    if (hash !== undefined || (earlier !== undefined && earlier < index)) {
      const reason = 'was used for another event of this lab; give each event its own';
      return { kind: 'REJECTED', index, field, reason };
    }
    eventIds.set(eventId, index);
    return record;
  });
}

/** Lets other work of the event loop come between, once a slice of time is used up. */
class Breath {
  #since = performance.now();

  take(): Promise<void> | undefined {
    if (performance.now() - this.#since < SLICE_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now();
        resolve();
      });
    });
  }
}
