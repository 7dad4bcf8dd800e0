import type { Database } from 'better-sqlite3';
import type { NewDelivery } from '../../shared/model/delivery.ts';
import type { DomainObject, ObjectWrite, Reference } from '../../shared/model/domain.ts';
import type {
  AcceptEvent,
  AcceptResult,
  IdempotencyUse,
  IntakeAnswer,
  IntakeQuestion,
  Repeat,
} from '../../shared/model/event.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { type EncodedCall, encodeCall } from './calls.ts';
import { createEventRows, type EncodedObject, encodeObjects } from './event-rows.ts';
import { Undone } from './group-commit.ts';

interface AnswerRow {
  body_hash: string;
  status: number;
  answer: string;
}

interface ObjectRow {
  version: number;
  source_updated_at: number | null;
  document: StoredBody;
}

/** Earlier requests and domain objects: asked before building, and again inside the transaction. */
function createRepeats(db: Database) {
  const byKey = db.prepare<[string, string], AnswerRow>(
    'SELECT body_hash, status, answer FROM idempotency WHERE scope = ? AND key = ?',
  );
  const byEvent = db.prepare<[string, number], AnswerRow>(
    'SELECT body_hash, answer_status AS status, answer FROM event WHERE event_id = ? AND lab_id = ?',
  );
  const told = (row: AnswerRow, bodyHash: string, by: 'idempotency_key' | 'event_id'): Repeat =>
    row.body_hash === bodyHash
      ? { kind: 'SAME', status: row.status, answer: JSON.parse(row.answer) as JsonObject }
      : { kind: 'OTHER_BODY', by };

  return {
    byIdempotencyKey(use: IdempotencyUse): Repeat | null {
      const row = byKey.get(use.scope, use.key);
      return row ? told(row, use.bodyHash, 'idempotency_key') : null;
    },
    byEventId(eventId: string, labId: number, bodyHash: string): Repeat | null {
      const row = byEvent.get(eventId, labId);
      return row ? told(row, bodyHash, 'event_id') : null;
    },
  };
}

/** Reading side of intake. */
export function createIntakeQueries(db: Database) {
  const repeats = createRepeats(db);
  const object = db.prepare<[string, string, number], ObjectRow>(
    'SELECT version, source_updated_at, document FROM domain_object WHERE id = ? AND kind = ? AND lab_id = ?',
  );
  const answer = db
    .prepare<[string, number], string>('SELECT answer FROM event WHERE event_id = ? AND lab_id = ?')
    .pluck();
  const event = db.prepare<[string, number], { document: StoredBody }>(
    'SELECT document FROM event WHERE event_id = ? AND lab_id = ?',
  );

  const read = (labId: number, { kind, id }: Reference): DomainObject | null => {
    if (kind === 'event') {
      // The event's own document is a domain object too; it never changes.
      const row = event.get(id, labId);
      return row
        ? { kind, id, version: 1, sourceUpdatedAt: null, document: parse(row.document) }
        : null;
    }
    const row = object.get(id, kind, labId);
    return row
      ? {
          kind,
          id,
          version: row.version,
          sourceUpdatedAt: row.source_updated_at,
          document: parse(row.document),
        }
      : null;
  };

  return {
    readIntake({
      labId,
      references,
      eventId,
      bodyHash,
      idempotency,
    }: IntakeQuestion): IntakeAnswer {
      const repeat =
        (idempotency && repeats.byIdempotencyKey(idempotency)) ??
        (eventId === null ? null : repeats.byEventId(eventId, labId, bodyHash));
      return {
        objects: references.map((reference) => read(labId, reference) ?? null),
        repeat,
      };
    },

    answerOfEvent({ labId, eventId }: { labId: number; eventId: string }): JsonObject | null {
      const told = answer.get(eventId, labId);
      return told === undefined ? null : (JSON.parse(told) as JsonObject);
    },
  };
}

/** `AcceptEvent` with its documents already written as JSON, so that they cross the thread as text. */
export type EncodedAcceptEvent = Omit<AcceptEvent, 'event' | 'objects' | 'answer' | 'call'> & {
  event: Omit<AcceptEvent['event'], 'document'> & { document: string };
  objects: EncodedObject[];
  answer: string;
  call: EncodedCall | null;
};

/** Objects that a domain source told, with their documents written as JSON. */
export interface EncodedSaveObjects {
  labId: number;
  objects: EncodedObject[];
  now: number;
}

export function encodeSaveObjects(command: {
  labId: number;
  objects: readonly ObjectWrite[];
  now: number;
}): EncodedSaveObjects {
  return { ...command, objects: encodeObjects(command.objects) };
}

/** Done on the calling thread: one string is copied much faster than an object of many. */
export function encodeAcceptEvent(command: AcceptEvent): EncodedAcceptEvent {
  return {
    ...command,
    event: { ...command.event, document: JSON.stringify(command.event.document) },
    objects: encodeObjects(command.objects),
    answer: JSON.stringify(command.answer),
    // Its answer is the event's: that text crosses once.
    call: command.call && encodeCall(command.call, null),
  };
}

/** Writing side of intake: an event with all that is committed for it. */
export function createIntakeCommands(
  db: Database,
  insertDelivery: (delivery: NewDelivery) => void,
  keepCall: (call: EncodedCall, responseBody: string | null) => void,
) {
  const repeats = createRepeats(db);
  const rows = createEventRows(db);
  const insertKey = db.prepare(
    `INSERT INTO idempotency (scope, key, body_hash, status, answer, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const purge = db.prepare<[number]>('DELETE FROM idempotency WHERE expires_at <= ?');
  // A batch's key stands in both; while it arrives, in the batch alone.
  const freeBatchKeys = db.prepare(
    `UPDATE batch SET idempotency_key = NULL
     WHERE idempotency_key IS NOT NULL AND state NOT IN ('RECEIVING', 'DROPPED')
       AND NOT EXISTS (SELECT 1 FROM idempotency i
         WHERE i.scope = batch.idempotency_scope AND i.key = batch.idempotency_key)`,
  );

  return {
    acceptEvent(command: EncodedAcceptEvent): AcceptResult | Undone {
      const { event, idempotency } = command;
      // Asked again here: another request may have committed since intake read.
      const repeat =
        (idempotency && repeats.byIdempotencyKey(idempotency)) ??
        (event.bodyHash === ''
          ? null
          : repeats.byEventId(event.eventId, event.labId, event.bodyHash));
      if (repeat) return { outcome: 'REPEAT', repeat };

      for (const object of command.objects) {
        if (!rows.writeObject(event.labId, event.receivedAt, object)) {
          return new Undone({ outcome: 'CONFLICT' } satisfies AcceptResult);
        }
      }
      const { answerStatus, answer } = command;
      if (!rows.insertEvent({ ...event, answerStatus, answer })) {
        throw new Error('two events were given one id');
      }
      // First, as it came: what it has fired follows it in the directory.
      if (command.call) keepCall(command.call, answer);
      for (const delivery of command.deliveries) insertDelivery(delivery);
      if (idempotency) {
        insertKey.run(
          idempotency.scope,
          idempotency.key,
          idempotency.bodyHash,
          answerStatus,
          answer,
          idempotency.expiresAt,
        );
      }
      return { outcome: 'ACCEPTED' };
    },

    saveObjects(command: EncodedSaveObjects): boolean | Undone {
      for (const object of command.objects) {
        if (!rows.writeObject(command.labId, command.now, object)) return new Undone(false);
      }
      return true;
    },

    purgeIdempotencyKeys(now: number): number {
      const { changes } = purge.run(now);
      freeBatchKeys.run();
      return changes;
    },
  };
}

function parse(document: StoredBody): JsonObject {
  return JSON.parse(decodeBody(document)) as JsonObject;
}
