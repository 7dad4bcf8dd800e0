import type { Database } from 'better-sqlite3';

/**
 * So long (ms) heads have at least, once their partner is back, before those behind them go: what is
 * scheduled of it is sent within that.
 */
export const HOLDS_AFTER_RECOVERY_MS = 60_000;

/** What one chunk of {@link createRecovered} did. */
export interface Released {
  /** Deliveries whose wait is over. */
  released: number;
  /** More may be left. */
  isMore: boolean;
}

/**
 * What had failed before an endpoint recovered goes out as soon as it has, not when its schedule says.
 * The breaker's closing notes that in its own transaction; the waits are ended chunk by chunk, so that
 * thousands do not keep others from the store, and a restart goes on with what is left.
 */
export function createRecovered(db: Database) {
  const note = db.prepare<[{ id: number; at: number }]>(
    `UPDATE integration_state SET recovered_at = @at WHERE lab_integration_id = @id AND EXISTS (
       SELECT 1 FROM task WHERE lab_integration_id = @id AND state = 'SCHEDULED')`,
  );
  const holds = db.prepare<[{ id: number; until: number }]>(
    `UPDATE key_hold SET release_at = @until WHERE lab_integration_id = @id AND release_at < @until`,
  );
  const next = db.prepare<[], { id: number; at: number }>(
    `SELECT lab_integration_id AS id, recovered_at AS at FROM integration_state
     WHERE recovered_at IS NOT NULL LIMIT 1`,
  );
  // What the partner wants later stays as late; what has failed since waits as its schedule says.
  const due = db.prepare<
    [{ id: number; at: number; limit: number }],
    { log_seq: number; due_at: number }
  >(
    `UPDATE task SET due_at = max(@at, coalesce(not_before, 0)) WHERE task_id IN (
       SELECT task_id FROM task WHERE lab_integration_id = @id AND state = 'SCHEDULED'
         AND waits_from < @at AND due_at > max(@at, coalesce(not_before, 0)) LIMIT (@limit | 0))
     RETURNING log_seq, due_at`,
  );
  const told = db.prepare<[number, number]>('UPDATE log SET next_retry_at = ? WHERE log_seq = ?');
  const done = db.prepare<[{ id: number; at: number }]>(
    `UPDATE integration_state SET recovered_at = NULL
     WHERE lab_integration_id = @id AND recovered_at = @at`,
  );

  return {
    /** An integration's breaker has closed: what is scheduled of it is due, as far as the partner lets it. */
    note(labIntegrationId: number, at: number): void {
      const { changes } = note.run({ id: labIntegrationId, at });
      if (changes > 0) holds.run({ id: labIntegrationId, until: at + HOLDS_AFTER_RECOVERY_MS });
    },

    /** Ends the waits of a chunk. */
    release({ limit }: { limit: number }): Released {
      const recovered = next.get();
      if (!recovered) return { released: 0, isMore: false };
      const rows = due.all({ ...recovered, limit });
      for (const { log_seq: logSeq, due_at: dueAt } of rows) told.run(dueAt, logSeq);
      if (rows.length < limit) done.run(recovered);
      return { released: rows.length, isMore: true };
    },
  };
}
