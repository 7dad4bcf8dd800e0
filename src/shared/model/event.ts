import type { TakenCall } from './call.ts';
import type { NewDelivery } from './delivery.ts';
import type { DomainObject, ObjectWrite, Reference } from './domain.ts';
import type { JsonObject } from './json.ts';

/** A caller's `Idempotency-Key` with what it was used for. */
export interface IdempotencyUse {
  /** Access key and route, so that two callers' keys never meet. */
  scope: string;
  key: string;
  /** SHA-256 (hex) of the request body's canonical JSON. */
  bodyHash: string;
}

/** What intake must know before it can build an event's deliveries. */
export interface IntakeQuestion {
  labId: number;
  references: Reference[];
  /** Set where the caller named its event itself. */
  eventId: string | null;
  /** SHA-256 (hex) of the request body's canonical JSON; empty where nothing can be repeated. */
  bodyHash: string;
  idempotency: IdempotencyUse | null;
}

/** An earlier request that this one repeats. */
export type Repeat =
  | { kind: 'SAME'; status: number; answer: JsonObject }
  /** The same `Idempotency-Key` or `event_id` with another body. */
  | { kind: 'OTHER_BODY'; by: 'idempotency_key' | 'event_id' };

export interface IntakeAnswer {
  /** In the order of the question's references; null where the store has no such object. */
  objects: (DomainObject | null)[];
  repeat: Repeat | null;
}

/**
 * One business event with everything that is committed for it: all of it or nothing
 * (design rule 1: an acknowledged event is on disk).
 */
export interface AcceptEvent {
  event: {
    eventId: string;
    labId: number;
    actionCategory: string;
    actionCategoryListId: number;
    /** The event's own document, first reference of its logs. */
    document: JsonObject;
    /** SHA-256 (hex) of the request body's canonical JSON; tells a repeat from a clash. */
    bodyHash: string;
    accessKeyId: number | null;
    receivedAt: number;
  };
  objects: ObjectWrite[];
  deliveries: NewDelivery[];
  /** The answer that the caller is given once this is committed; kept for repeats. */
  answer: JsonObject;
  answerStatus: number;
  idempotency: (IdempotencyUse & { expiresAt: number }) | null;
  /** The call that brought it, kept as its INBOUND log; null: it came in process. */
  call: TakenCall | null;
}

export type AcceptResult =
  | { outcome: 'ACCEPTED' }
  | { outcome: 'REPEAT'; repeat: Repeat }
  /** A domain object has moved on since it was read; read again, merge anew. */
  | { outcome: 'CONFLICT' };
