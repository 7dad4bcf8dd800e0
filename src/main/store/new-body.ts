import type { Database } from 'better-sqlite3';
import type { BuiltRevision } from '../../shared/model/delivery.ts';
import type { RevisionReason } from '../../shared/model/vocabulary.ts';
import { encodeBody } from './bodies.ts';

/**
 * Gives a log and its task, where it has one, another body: a new revision with a key of its own, or the
 * newest one where that has the same bytes.
 */
export function createNewBody(
  db: Database,
): (
  logSeq: number,
  body: Omit<BuiltRevision, 'fallback'>,
  reason: RevisionReason,
  now: number,
) => number {
  const newestRevision = db.prepare<[number], { number: number; sha256: string }>(
    'SELECT number, sha256 FROM revision WHERE log_seq = ? ORDER BY number DESC LIMIT 1',
  );
  const addRevision = db.prepare(
    `INSERT INTO revision (log_seq, number, body, content_type, sha256, config_version, reason,
       objects_from, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const useRevision = [
    db.prepare<[number, number]>('UPDATE log SET revision = ? WHERE log_seq = ?'),
    db.prepare<[number, number]>('UPDATE task SET revision = ? WHERE log_seq = ?'),
  ];
  return (logSeq, { body, contentType, sha256, configVersion, objectsFrom }, reason, now) => {
    const newest = newestRevision.get(logSeq);
    // A restore may know of a later body than the one that is queued: same bytes, same key.
    const isKnown = newest?.sha256 === sha256;
    const number = (newest?.number ?? 0) + (isKnown ? 0 : 1);
    if (!isKnown) {
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
