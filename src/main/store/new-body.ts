import type { Database } from 'better-sqlite3';
import type { BuiltRevision } from '../../shared/model/delivery.ts';
import type { ObjectsFrom, RevisionReason } from '../../shared/model/vocabulary.ts';
import { encodeBody } from './bodies.ts';

/** A body that a log is given; where nothing was read for it, its objects come from nowhere. */
export type NewBody = Omit<BuiltRevision, 'fallback' | 'objectsFrom'> & {
  objectsFrom: ObjectsFrom | null;
};

/**
 * Gives a log and its task, where it has one, another body: a new revision with a key of its own, or the
 * one that has the same bytes, however old: the receiver knows them by that one's key.
 */
export function createNewBody(
  db: Database,
): (logSeq: number, body: NewBody, reason: RevisionReason, now: number) => number {
  // Of those with the same bytes the newest: a store of a former version may have them twice.
  const known = db
    .prepare<[number, string], number>(
      'SELECT number FROM revision WHERE log_seq = ? AND sha256 = ? ORDER BY number DESC LIMIT 1',
    )
    .pluck();
  const newest = db
    .prepare<[number], number>(
      'SELECT number FROM revision WHERE log_seq = ? ORDER BY number DESC LIMIT 1',
    )
    .pluck();
  const addRevision = db.prepare(
    `INSERT INTO revision (log_seq, number, body, content_type, sha256, config_version, reason,
       objects_from, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const useRevision = [
    db.prepare<[number, number]>('UPDATE log SET revision = ? WHERE log_seq = ?'),
    db.prepare<[number, number]>('UPDATE task SET revision = ? WHERE log_seq = ?'),
  ];
  return (logSeq, { body, contentType, sha256, configVersion, objectsFrom }, reason, now) => {
    const same = known.get(logSeq, sha256);
    const number = same ?? (newest.get(logSeq) ?? 0) + 1;
    if (same === undefined) {
      addRevision.run(
        logSeq,
        number,
        encodeBody(body),
        contentType,
        sha256,
        configVersion,
        reason,
        objectsFrom,
        now,
      );
    }
    for (const use of useRevision) use.run(number, logSeq);
    return number;
  };
}
