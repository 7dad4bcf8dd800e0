import type { Database } from 'better-sqlite3';
import type { Session } from '../../shared/model/session.ts';

interface SessionRow {
  session_id: number;
  access_key_id: number;
  hash: string;
  address: string | null;
  created_at: number;
  last_used_at: number;
  expires_at: number;
}

/** Browser sessions. The engine keeps the open ones in memory; this is what outlives it. */
export function createSessionCommands(db: Database) {
  const purge = db.prepare<[number]>('DELETE FROM session WHERE expires_at <= ?');
  const open = db.prepare<[], SessionRow>(
    'SELECT * FROM session WHERE revoked_at IS NULL ORDER BY session_id',
  );
  const insert = db.prepare<[object], SessionRow>(
    `INSERT INTO session (access_key_id, hash, address, created_at, last_used_at, expires_at)
     VALUES (@accessKeyId, @hash, @address, @createdAt, @lastUsedAt, @expiresAt) RETURNING *`,
  );
  const touch = db.prepare<[object]>(
    'UPDATE session SET last_used_at = max(last_used_at, @now) WHERE session_id = @sessionId',
  );
  const revoke = db.prepare<[object]>(
    'UPDATE session SET revoked_at = @now WHERE session_id = @sessionId AND revoked_at IS NULL',
  );

  return {
    /** The sessions that were not revoked; some may have expired. */
    loadSessions(): Session[] {
      return open.all().map(sessionOf);
    },
    purgeSessions(now: number): void {
      purge.run(now);
    },
    openSession(session: Omit<Session, 'sessionId'>): Session {
      const row = insert.get(session);
      if (!row) throw new Error('a session was not written');
      return sessionOf(row);
    },
    touchSession(command: { sessionId: number; now: number }): void {
      touch.run(command);
    },
    endSessions({ sessionIds, now }: { sessionIds: number[]; now: number }): void {
      for (const sessionId of sessionIds) revoke.run({ sessionId, now });
    },
  };
}

function sessionOf(row: SessionRow): Session {
  return {
    sessionId: row.session_id,
    accessKeyId: row.access_key_id,
    hash: row.hash,
    address: row.address,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
  };
}
