import type { AuditEntry, AuditQuery, NewAuditEntry } from '../../../shared/model/audit.ts';
import type { Session } from '../../../shared/model/session.ts';

/** What the audit trail needs of the store. */
export interface AuditPort {
  /** Appends to the chain and seals its new end. @returns the entry's id */
  appendAudit(command: { entry: NewAuditEntry; sealKey: Uint8Array }): Promise<number>;
  /** Newest first. */
  listAudit(query: AuditQuery): Promise<AuditEntry[]>;
}

/** What browser sessions need of the store. */
export interface SessionPort {
  /** The sessions that were not revoked; some may have expired. */
  loadSessions(): Promise<Session[]>;
  /** Forgets what has expired. */
  purgeSessions(now: number): Promise<void>;
  openSession(session: Omit<Session, 'sessionId'>): Promise<Session>;
  touchSession(command: { sessionId: number; now: number }): Promise<void>;
  endSessions(command: { sessionIds: number[]; now: number }): Promise<void>;
}
