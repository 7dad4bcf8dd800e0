import type { Database } from 'better-sqlite3';
import type { ObjectWrite } from '../../shared/model/domain.ts';
import { listedBy } from './appointments.ts';
import { encodeBody } from './bodies.ts';

/** A domain object to be written, its document already JSON, so that it crosses the thread as text. */
export type EncodedObject = Omit<ObjectWrite, 'document'> & { document: string };

/** Done on the calling thread: one string is copied much faster than an object of many. */
export function encodeObjects(objects: readonly ObjectWrite[]): EncodedObject[] {
  return objects.map((object) => ({ ...object, document: JSON.stringify(object.document) }));
}

/** An event's own row. */
interface EventRow {
  labId: number;
  eventId: string;
  actionCategoryListId: number;
  /** JSON. */
  document: string;
  bodyHash: string;
  accessKeyId: number | null;
  answerStatus: number;
  /** JSON. */
  answer: string;
  receivedAt: number;
}

/** Writes what an event brings, inside the caller's transaction. */
export interface EventRows {
  /** @returns false where the object is not at the version that it was merged from any more */
  writeObject(labId: number, now: number, object: EncodedObject): boolean;
  /** @returns false where the lab has an event of this id */
  insertEvent(event: EventRow): boolean;
}

export function createEventRows(db: Database): EventRows {
  const insertObject = db.prepare(
    `INSERT INTO domain_object (lab_id, kind, id, version, source_updated_at, document, created_at,
       updated_at, status, due_at)
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const updateObject = db.prepare(
    `UPDATE domain_object SET version = version + 1, source_updated_at = ?, document = ?,
       updated_at = ?, status = ?, due_at = ?
     WHERE id = ? AND kind = ? AND lab_id = ? AND version = ?`,
  );
  const insertEvent = db.prepare(
    `INSERT INTO event (lab_id, event_id, action_category_list_id, document, body_hash, access_key_id,
       answer_status, answer, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  return {
    writeObject(labId, now, object) {
      const { kind, id, baseVersion, sourceUpdatedAt } = object;
      const document = encodeBody(object.document);
      const { status, dueAt } = listedBy(kind, object.document);
      const { changes } =
        baseVersion === null
          ? insertObject.run(labId, kind, id, sourceUpdatedAt, document, now, now, status, dueAt)
          : updateObject.run(
              sourceUpdatedAt,
              document,
              now,
              status,
              dueAt,
              id,
              kind,
              labId,
              baseVersion,
            );
      return changes === 1;
    },

    insertEvent(event) {
      const { changes } = insertEvent.run(
        event.labId,
        event.eventId,
        event.actionCategoryListId,
        encodeBody(event.document),
        event.bodyHash,
        event.accessKeyId,
        event.answerStatus,
        event.answer,
        event.receivedAt,
      );
      return changes === 1;
    },
  };
}
