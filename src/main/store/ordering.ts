import type { Database } from 'better-sqlite3';
import {
  HELD_FOR_UNKNOWN_MS,
  type HoldReason,
  type KeyWentOn,
  verdictOnHead,
} from '../../shared/model/ordering.ts';
import type { Certainty } from '../../shared/model/vocabulary.ts';
import { STAT } from './task-priority.ts';

/** Followers are counted as far as this; a key may have very many. */
const COUNTED = 1_000;

/** One integration's ordering key. */
export interface Key {
  integration: number;
  key: string;
}

/** A key whose followers are held. */
export interface Hold extends Key {
  headLogSeq: number;
}

/** A key that is to be held. */
interface NewHold extends Key {
  logSeq: number;
  reason: HoldReason;
  at: number;
  releaseAt: number | null;
}

interface HoldRow {
  lab_integration_id: number;
  ordering_key: string;
  head_log_seq: number;
}

/** The order of tasks within their keys, with the holds behind heads that did not end well. */
export interface Ordering {
  /**
   * Whether a task that is queued now has others of its key before it, held ones and those of a batch
   * that are not released yet too, or a hold.
   */
  mustWait(key: Key, logSeq: number): boolean;
  /**
   * Makes a key's next task ready, unless one is under way, an older one is held, or the key is.
   * @returns what has become ready
   */
  promote(key: Key): KeyWentOn | null;
  /**
   * All tasks of a key become STAT, held and scheduled ones and those of a batch too, so that a STAT one among them
   * is reached first.
   */
  lift(key: Key): void;
  /**
   * The task of a key's head has left: its followers go on or are held, by what its log tells.
   * @param at when it ended (epoch ms)
   * @returns what has become ready
   */
  ended(key: Key, logSeq: number, at: number): KeyWentOn | null;
  /**
   * The head of a key has failed and is to be tried again: its followers are held until then, for as
   * long as those of one in doubt at the most.
   * @param isFirst no retry of it has been made yet; those that have been let go since are not held anew
   * @returns what has become ready all the same
   */
  retries(key: Key, logSeq: number, at: number, isFirst: boolean): KeyWentOn | null;
  /**
   * A task that is not to be sent has left the queue: what waited for its retry goes on.
   * @returns what has become ready
   */
  left(key: Key, logSeq: number): KeyWentOn | null;
  /** The hold behind a head, by its log. */
  holdOf(headLogSeq: number): Hold | null;
  /** The hold on a key. */
  holdOn(key: Key): Hold | null;
  /** Holds that have run out, also for a clock that was set back, the oldest first. */
  expired(now: number, limit: number): Hold[];
  /**
   * Ends a hold and lets the next one go.
   * @returns how many waited, exact up to a thousand, and what has become ready
   */
  release(hold: Hold): { waiting: number; wentOn: KeyWentOn | null };
}

const KEY = `lab_integration_id = (@integration | 0) AND ordering_key = (@key || '')`;

/** Makes the next task of a key ready, where nothing stands in its way. */
export const PROMOTE = `
UPDATE task SET state = 'READY'
WHERE task_id = (SELECT min(task_id) FROM task WHERE ${KEY} AND state = 'WAITING')
  AND NOT EXISTS (SELECT 1 FROM task WHERE ${KEY} AND state IN ('READY', 'CLAIMED', 'REPORTING'))
  AND NOT EXISTS (SELECT 1 FROM key_hold WHERE ${KEY})
  AND NOT EXISTS (SELECT 1 FROM task h WHERE ${KEY} AND h.state = 'HELD' AND h.task_id < task.task_id)
  AND NOT EXISTS (SELECT 1 FROM task b WHERE ${KEY} AND b.state = 'RECEIVING' AND b.task_id < task.task_id)
RETURNING priority`;

/** See {@link Ordering}; every question is one seek, however many tasks a key has. */
export function createOrdering(db: Database): Ordering {
  const before = db.prepare<
    [Key],
    {
      is_busy: number;
      is_waiting: number;
      is_held: number;
      is_receiving: number;
      head: number | null;
    }
  >(
    `SELECT
       EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration AND ordering_key = @key
         AND state IN ('READY', 'CLAIMED', 'REPORTING')) AS is_busy,
       EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration AND ordering_key = @key
         AND state = 'WAITING') AS is_waiting,
       EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration AND ordering_key = @key
         AND state = 'HELD') AS is_held,
       EXISTS (SELECT 1 FROM task WHERE lab_integration_id = @integration AND ordering_key = @key
         AND state = 'RECEIVING') AS is_receiving,
       (SELECT head_log_seq FROM key_hold WHERE lab_integration_id = @integration
         AND ordering_key = @key) AS head`,
  );
  // Bare parameters would have SQLite (built with STAT4) plan it anew at each run, for ten times its cost.
  const promote = db.prepare<[Key], number>(PROMOTE).pluck();
  const liftHead = db.prepare<[Key]>(
    `UPDATE task SET priority = 0 WHERE lab_integration_id = @integration AND ordering_key = @key
       AND state IN ('READY', 'CLAIMED', 'REPORTING') AND priority <> 0`,
  );
  // One statement a state, since each has an index of its own.
  const liftThose = (state: string) =>
    db.prepare<[Key]>(
      `UPDATE task SET priority = 0 WHERE lab_integration_id = @integration
         AND ordering_key = @key AND state = '${state}' AND priority <> 0`,
    );
  const lifts = [
    liftHead,
    liftThose('WAITING'),
    liftThose('HELD'),
    liftThose('RECEIVING'),
    liftThose('SCHEDULED'),
  ];
  const headOf = db.prepare<[number], { certainty: Certainty | null; retry_step: number }>(
    'SELECT certainty, retry_step FROM log WHERE log_seq = ?',
  );
  const rules = db.prepare<[number], { onRefused: 'skip' | 'hold'; onUnknown: 'hold' | 'skip' }>(
    `SELECT on_refused AS onRefused, on_unknown AS onUnknown FROM lab_integration
     WHERE lab_integration_id = ?`,
  );
  const hold = db.prepare<[NewHold]>(
    `INSERT INTO key_hold
       (lab_integration_id, ordering_key, head_log_seq, reason, held_at, release_at)
     VALUES (@integration, @key, @logSeq, @reason, @at, @releaseAt)
     ON CONFLICT DO NOTHING`,
  );
  // A head that is tried again and is still in doubt does not hold its followers any longer.
  const holdOn = db.prepare<[NewHold]>(
    `UPDATE key_hold SET reason = @reason,
       held_at = CASE WHEN release_at IS NULL OR @releaseAt IS NULL THEN @at ELSE held_at END,
       release_at = CASE WHEN @releaseAt IS NULL THEN NULL
         ELSE min(coalesce(release_at, @releaseAt), @releaseAt) END
     WHERE lab_integration_id = @integration AND ordering_key = @key AND head_log_seq = @logSeq
       AND reason <> @reason`,
  );
  const unhold = db.prepare<[Key & { logSeq: number }]>(
    `DELETE FROM key_hold WHERE lab_integration_id = @integration AND ordering_key = @key
       AND head_log_seq = @logSeq`,
  );
  const retriesNoMore = db.prepare<[Key & { logSeq: number }]>(
    `DELETE FROM key_hold WHERE lab_integration_id = @integration AND ordering_key = @key
       AND head_log_seq = @logSeq AND reason = 'HEAD_RETRYING'`,
  );
  const byHead = db.prepare<[number], HoldRow>(
    `SELECT lab_integration_id, ordering_key, head_log_seq FROM key_hold WHERE head_log_seq = ?`,
  );
  const byKey = db.prepare<[Key], HoldRow>(
    `SELECT lab_integration_id, ordering_key, head_log_seq FROM key_hold
     WHERE lab_integration_id = @integration AND ordering_key = @key`,
  );
  // One that began in the future was written before the clock was set back: it would last until then.
  const expired = db.prepare<[{ now: number; limit: number }], HoldRow>(
    `SELECT lab_integration_id, ordering_key, head_log_seq FROM key_hold
     WHERE release_at <= @now OR release_at > @now + ${HELD_FOR_UNKNOWN_MS}
     ORDER BY release_at LIMIT @limit`,
  );
  const followers = db
    .prepare<[Key], number>(
      `SELECT count(*) FROM (SELECT 1 FROM task WHERE lab_integration_id = @integration
         AND ordering_key = @key AND state = 'WAITING' LIMIT ${COUNTED})`,
    )
    .pluck();

  return {
    mustWait(key, logSeq) {
      const { is_busy, is_waiting, is_held, is_receiving, head } = before.get(key) ?? {};
      // The held head itself may be sent again, past those that wait for it.
      if (head === logSeq) return is_busy === 1;
      // What waits is before a newcomer too, also where the head itself is set aside.
      const isBehind = is_busy === 1 || is_waiting === 1 || is_held === 1 || is_receiving === 1;
      return isBehind || head !== null;
    },

    promote: next,

    lift(key) {
      for (const those of lifts) those.run(key);
    },

    ended(key, logSeq, at) {
      const head = headOf.get(logSeq);
      const verdict = verdictOnHead(head?.certainty ?? null, rulesOf(key.integration));
      switch (verdict) {
        case 'GO':
          unhold.run({ ...key, logSeq });
          break;
        case 'AS_BEFORE':
          retriesNoMore.run({ ...key, logSeq });
          break;
        case 'HEAD_UNKNOWN':
          holdBehind(key, logSeq, verdict, at, head?.retry_step === 0);
          break;
        case 'HEAD_REFUSED':
          holdBehind(key, logSeq, verdict, at, true);
          break;
      }
      return next(key);
    },

    retries(key, logSeq, at, isFirst) {
      const certainty = headOf.get(logSeq)?.certainty ?? null;
      const verdict = verdictOnHead(certainty, rulesOf(key.integration));
      if (verdict === 'GO') unhold.run({ ...key, logSeq });
      else
        holdBehind(key, logSeq, verdict === 'AS_BEFORE' ? 'HEAD_RETRYING' : verdict, at, isFirst);
      return next(key);
    },

    left(key, logSeq) {
      retriesNoMore.run({ ...key, logSeq });
      return next(key);
    },

    holdOf: (headLogSeq) => holdFrom(byHead.get(headLogSeq)),
    holdOn: (key) => holdFrom(byKey.get(key)),
    expired: (now, limit) => expired.all({ now, limit }).map((row) => holdFrom(row) as Hold),

    release({ integration, key, headLogSeq }) {
      const waiting = followers.get({ integration, key }) ?? 0;
      unhold.run({ integration, key, logSeq: headLogSeq });
      return { waiting, wentOn: next({ integration, key }) };
    },
  };

  /** @param isNew whether one that does not hold its key, or does not any more, is to hold it */
  function holdBehind(key: Key, logSeq: number, reason: HoldReason, at: number, isNew: boolean) {
    const releaseAt = reason === 'HEAD_REFUSED' ? null : at + HELD_FOR_UNKNOWN_MS;
    const row = { ...key, logSeq, reason, at, releaseAt };
    if (isNew) hold.run(row);
    holdOn.run(row);
  }

  function next(key: Key): KeyWentOn | null {
    const priority = promote.get(key);
    if (priority === undefined) return null;
    return { labIntegrationId: key.integration, priority: priority === STAT ? 'STAT' : 'ROUTINE' };
  }

  function rulesOf(integration: number) {
    const row = rules.get(integration);
    if (!row) throw new Error(`a task of integration ${integration}, which there is not`);
    return row;
  }
}

function holdFrom(row: HoldRow | undefined): Hold | null {
  return row
    ? { integration: row.lab_integration_id, key: row.ordering_key, headLogSeq: row.head_log_seq }
    : null;
}
