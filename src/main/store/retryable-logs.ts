import type { Database } from 'better-sqlite3';
import type { RetryContext } from '../../shared/model/delivery.ts';
import type { Reference } from '../../shared/model/domain.ts';
import type { OpenTask, RetryableLog, RevisionFacts } from '../../shared/model/retry.ts';
import type { Certainty } from '../../shared/model/vocabulary.ts';
import { decodeBody, type StoredBody } from './bodies.ts';
import { createNewerOfKey, NEWER_LOOKED_AT } from './overtaken.ts';
import { snapshot } from './snapshot.ts';

interface LogRow {
  log_seq: number;
  log_id: string;
  direction: RetryableLog['direction'];
  lab_id: number;
  lab_integration_id: number | null;
  action_category: string;
  action_category_list_id: number;
  event_id: string | null;
  ordering_key: string | null;
  retry_context: string;
  status: RetryableLog['status'];
  certainty: Certainty | null;
  resolution: RetryableLog['resolution'];
  retry_state: RetryableLog['retryState'];
  held_reason: RetryableLog['heldReason'];
  newest_attempt: number;
  revision: number;
}

interface AttemptRow {
  number: number;
  revision: number;
  config_version: number;
  certainty: Certainty | null;
  started_at: number;
}

/** What people have said of a log last, and as of which attempt. */
interface Word {
  at: number;
  resolution: string | null;
  attempt: number | null;
}

/**
 * What was found newer than a log of a key or an object. Whoever reads many logs hands in the same one
 * with each: the next older of its key has only those between the two to look at.
 */
type NewerKnown = Map<string, { logSeq: number; newer: number | null }>;

/** Reads logs as those must know them who retry them, by row look-ups (see claimed-tasks.ts). */
export function createReadRetryable(
  db: Database,
): (logId: string, known?: NewerKnown) => RetryableLog | null {
  const log = db.prepare<[string], LogRow>(
    `SELECT log_seq, log_id, direction, lab_id, lab_integration_id, action_category,
       action_category_list_id, event_id, ordering_key, retry_context, status, certainty, resolution,
       retry_state, held_reason, newest_attempt, revision
     FROM log WHERE log_id = ?`,
  );
  const revisions = db.prepare<[number], RevisionFacts>(
    `SELECT number, sha256, content_type AS contentType, config_version AS configVersion
     FROM revision
     WHERE log_seq = ? ORDER BY number`,
  );
  const newest = db.prepare<[number, number], AttemptRow>(
    `SELECT number, revision, config_version, certainty, started_at FROM attempt
     WHERE log_seq = ? AND number = ?`,
  );
  const inDoubt = db.prepare<[number], AttemptRow>(
    `SELECT number, revision, config_version, certainty, started_at FROM attempt
     WHERE log_seq = ? AND (certainty IS NULL OR certainty IN ('UNKNOWN', 'COMMITTED', 'ACCEPTED'))`,
  );
  const newestWord = db.prepare<[number], Word>(
    `SELECT at, json_extract(detail, '$.resolution') AS resolution,
       json_extract(detail, '$.attempt') AS attempt
     FROM activity WHERE log_seq = ? AND kind = 'RESOLVED' ORDER BY activity_id DESC LIMIT 1`,
  );
  const taskRow = db.prepare<
    [number],
    { task_id: number; state: string; kind: OpenTask['kind']; stamped_at: number | null }
  >('SELECT task_id, state, kind, stamped_at FROM task WHERE log_seq = ?');
  const overtaken = createOvertaken(db);

  /** Whether people have said, after an attempt, that nothing of the log has arrived. */
  const isDenied = (word: Word | undefined, { number, started_at, certainty }: AttemptRow) =>
    word?.resolution === 'not_delivered' &&
    certainty !== 'ACCEPTED' &&
    (word.attempt === null ? started_at <= word.at : number <= word.attempt);

  /** Revisions that the receiver may hold, by the log's attempts. */
  const mayHoldOf = (logSeq: number): number[] => {
    const attempts = inDoubt.all(logSeq);
    if (attempts.length === 0) return [];
    // People's word outlives the outcome of a later attempt, which takes it off the log itself.
    const word = newestWord.get(logSeq);
    const held = attempts
      .filter((attempt) => !isDenied(word, attempt))
      .map(({ revision }) => revision);
    return [...new Set(held)].toSorted((a, b) => a - b);
  };

  /** People's word, as far as it tells of the newest attempt too, whatever the clock said. */
  const resolutionOf = ({ log_seq, resolution }: LogRow, last: AttemptRow | undefined) => {
    if (resolution !== 'not_delivered' || last === undefined) return resolution;
    return isDenied(newestWord.get(log_seq), last) ? resolution : null;
  };

  return (logId, known = new Map()) => {
    const row = log.get(logId);
    if (!row) return null;
    const context = JSON.parse(row.retry_context) as RetryContext;
    const bodies = revisions.all(row.log_seq);
    const last = newest.get(row.log_seq, row.newest_attempt);
    const task = taskRow.get(row.log_seq);
    return {
      logSeq: row.log_seq,
      logId: row.log_id,
      direction: row.direction,
      labId: row.lab_id,
      labIntegrationId: row.lab_integration_id,
      actionCategory: row.action_category,
      actionCategoryListId: row.action_category_list_id,
      eventId: row.event_id,
      references: context.references,
      isBodyGiven: context.isBodyGiven === true,
      status: row.status,
      certainty: row.certainty,
      resolution: resolutionOf(row, last),
      retryState: row.retry_state,
      heldReason: row.held_reason,
      newestAttempt: row.newest_attempt,
      lastConfigVersion: last?.config_version ?? null,
      lastStartedAt: last?.started_at ?? null,
      revision: row.revision,
      sha256: bodies.find(({ number }) => number === row.revision)?.sha256 ?? '',
      lastRevision: last?.revision ?? null,
      revisions: bodies,
      mayHold: mayHoldOf(row.log_seq),
      overtakenBy: overtaken(row, context.references, known),
      task: task
        ? {
            taskId: task.task_id,
            state: task.state,
            kind: task.kind,
            isStamped: task.stamped_at !== null,
          }
        : null,
    };
  };
}

/** Finds a newer log of the same ordering key, or of the same object, that the receiver has. */
function createOvertaken(db: Database) {
  const logId = db.prepare<[number], string>('SELECT log_id FROM log WHERE log_seq = ?').pluck();
  const ofKey = createNewerOfKey(db);
  // Bounded as that is.
  const ofObject = db
    .prepare<
      [{ integration: number; kind: string; id: string; logSeq: number; last: number }],
      number
    >(
      `SELECT l.log_seq FROM (
         SELECT log_seq FROM log_reference
         WHERE id = (@id || '') AND kind = (@kind || '') AND log_seq > (@logSeq | 0)
           AND log_seq <= (@last | 0)
         ORDER BY log_seq LIMIT ${NEWER_LOOKED_AT}) r
       CROSS JOIN log l ON l.log_seq = r.log_seq
       WHERE l.lab_integration_id = (@integration | 0)
         AND (l.certainty = 'ACCEPTED' OR l.resolution = 'delivered') LIMIT 1`,
    )
    .pluck();

  const newerOf = (
    known: NewerKnown,
    name: string,
    logSeq: number,
    look: (last: number) => number | undefined,
  ): number | null => {
    const after = known.get(name);
    // Behind the one that is known nothing has to be looked at twice.
    const isBefore = after !== undefined && logSeq < after.logSeq;
    const newer = isBefore
      ? (look(after.logSeq) ?? after.newer)
      : (look(Number.MAX_SAFE_INTEGER) ?? null);
    known.set(name, { logSeq, newer });
    return newer;
  };

  return (log: LogRow, references: readonly Reference[], known: NewerKnown): string | null => {
    const { log_seq: logSeq, lab_integration_id: integration, ordering_key: key } = log;
    if (integration === null) return null;
    const ofItsKey =
      key === null
        ? null
        : newerOf(known, JSON.stringify([integration, key]), logSeq, (last) =>
            ofKey({ integration, key, logSeq, last }),
          );
    const object = ofItsKey === null ? mainObjectOf(references) : null;
    const newer =
      object === null
        ? ofItsKey
        : newerOf(known, JSON.stringify([integration, object.kind, object.id]), logSeq, (last) =>
            ofObject.get({ integration, kind: object.kind, id: object.id, logSeq, last }),
          );
    return newer === null ? null : (logId.get(newer) ?? null);
  };
}

/** What a log is about: its first object that is neither the event nor the patient, else the patient. */
function mainObjectOf(references: readonly Reference[]): Reference | null {
  const objects = references.filter(({ kind }) => kind !== 'event');
  return objects.find(({ kind }) => kind !== 'patient') ?? objects[0] ?? null;
}

/** What whoever retries a log asks the store. */
export function createRetryableLogQueries(db: Database) {
  const read = createReadRetryable(db);
  const body = db.prepare<
    [string, number],
    { body: StoredBody; content_type: string; sha256: string }
  >(
    `SELECT body, content_type, sha256 FROM revision
     WHERE log_seq = (SELECT log_seq FROM log WHERE log_id = ?) AND number = ?`,
  );
  return {
    // One snapshot: a log and its attempts must not tell of different moments.
    retryableLog: snapshot(db, (logId: string): RetryableLog | null => read(logId)),

    /** The bytes of one revision; null where it has none of that number. */
    revisionBody(request: { logId: string; revision: number }): {
      body: string;
      contentType: string;
      sha256: string;
    } | null {
      const row = body.get(request.logId, request.revision);
      if (!row) return null;
      return { body: decodeBody(row.body), contentType: row.content_type, sha256: row.sha256 };
    },
  };
}
