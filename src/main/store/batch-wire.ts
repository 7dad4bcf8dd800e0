import type { BatchEvent, BuildChunk } from '../../shared/model/batch.ts';
import type { NewDelivery, NewLog, NewRevision } from '../../shared/model/delivery.ts';
import type { Reference } from '../../shared/model/domain.ts';
import type { EncodedObject } from './event-rows.ts';

type Cell = string | number | null;

/** What the logs of one rule have in common within a chunk, and the facts of their first bodies. */
type CommonLog = Omit<
  NewLog,
  'logId' | 'eventId' | 'references' | 'orderingKey' | 'retryContext'
> & {
  isBodyGiven: boolean;
  enqueue: boolean;
  contentType: string | null;
  /** Of the revision. */
  bodyVersion: number | null;
};

/**
 * A chunk on its way to the writer: one flat list of texts and numbers, and what is the same for many
 * logs once. Five hundred events as objects have so many fields that copying them to the other thread
 * would cost as much as writing them.
 */
export type EncodedChunk = Omit<BuildChunk, 'events'> & {
  events: { count: number; commons: CommonLog[]; cells: Cell[] };
};

/** An event as the writer takes it. */
type WiredEvent = Pick<BatchEvent, 'event' | 'objects' | 'deliveries'>;

/** Done on the calling thread; see {@link eventsOf}. */
export function encodeBuildChunk(chunk: BuildChunk): EncodedChunk {
  const commons: CommonLog[] = [];
  const places = new Map<string, number>();
  const cells: Cell[] = [];
  const commonOf = (delivery: NewDelivery): number => {
    const { log, revision } = delivery;
    const key = `${log.labIntegrationId} ${log.configVersion} ${log.actionCategoryListId} ${log.priority} ${log.deliverBy} ${log.status} ${revision?.contentType} ${log.retryContext.isBodyGiven === true} ${log.errorMessage}`;
    let place = places.get(key);
    if (place === undefined) {
      place = commons.push(commonPart(delivery)) - 1;
      places.set(key, place);
    }
    return place;
  };
  for (const { event, objects, deliveries } of chunk.events) {
    cells.push(event.eventId, event.actionCategoryListId, event.document, event.bodyHash);
    cells.push(objects.length);
    for (const { kind, id, baseVersion, sourceUpdatedAt, document } of objects) {
      cells.push(kind, id, baseVersion, sourceUpdatedAt, document);
    }
    const references = deliveries[0]?.log.references ?? [];
    cells.push(references.length);
    for (const { kind, id } of references) cells.push(kind, id);
    cells.push(deliveries.length);
    for (const delivery of deliveries) {
      const { log, revision } = delivery;
      cells.push(commonOf(delivery), log.logId, log.orderingKey);
      cells.push(revision?.body ?? null, revision?.sha256 ?? null);
    }
  }
  return { ...chunk, events: { count: chunk.events.length, commons, cells } };
}

function commonPart({ log, revision, enqueue }: NewDelivery): CommonLog {
  const {
    logId: _id,
    eventId: _event,
    references: _references,
    orderingKey: _key,
    retryContext,
    ...common
  } = log;
  return {
    ...common,
    isBodyGiven: retryContext.isBodyGiven === true,
    enqueue,
    contentType: revision?.contentType ?? null,
    bodyVersion: revision?.configVersion ?? null,
  };
}

/** The events of a chunk, one by one, as they were before {@link encodeBuildChunk}. */
export function* eventsOf({
  count,
  commons,
  cells,
}: EncodedChunk['events']): Generator<WiredEvent> {
  let at = 0;
  const next = (): Cell => cells[at++] ?? null;
  const text = () => next() as string;
  const list = <T>(read: () => T): T[] => Array.from({ length: next() as number }, read);
  for (let index = 0; index < count; index++) {
    const event = {
      eventId: text(),
      actionCategoryListId: next() as number,
      document: text(),
      bodyHash: text(),
    };
    const objects = list(() => ({
      kind: next() as EncodedObject['kind'],
      id: text(),
      baseVersion: next() as number | null,
      sourceUpdatedAt: next() as number | null,
      document: text(),
    }));
    const references = list(() => ({ kind: next() as Reference['kind'], id: text() }));
    const deliveries = list(() => {
      const common = commons[next() as number];
      if (!common) throw new Error('a log of a chunk has lost what it has in common');
      return deliveryOf(common, event.eventId, references, {
        logId: text(),
        orderingKey: next() as string | null,
        body: next() as string | null,
        sha256: next() as string | null,
      });
    });
    yield { event, objects, deliveries };
  }
}

function deliveryOf(
  { isBodyGiven, enqueue, contentType, bodyVersion, ...common }: CommonLog,
  eventId: string,
  references: Reference[],
  own: { logId: string; orderingKey: string | null; body: string | null; sha256: string | null },
): NewDelivery {
  const { logId, orderingKey, body, sha256 } = own;
  const { actionCategory } = common;
  const retryContext = { actionCategory, references, ...(isBodyGiven ? { isBodyGiven } : {}) };
  const revision: NewRevision | null =
    body === null || sha256 === null
      ? null
      : {
          number: 1,
          body,
          contentType: contentType ?? '',
          sha256,
          configVersion: bodyVersion ?? 0,
          reason: 'FIRST',
        };
  return {
    log: { ...common, logId, eventId, orderingKey, references, retryContext },
    revision,
    enqueue,
  };
}
