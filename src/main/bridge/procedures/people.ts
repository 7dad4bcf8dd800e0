import { toIso } from '../../../shared/contract/common.ts';
import type { AuditDocument, SessionDocument } from '../../../shared/contract/people.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import type { AuditEntry } from '../../../shared/model/audit.ts';
import type { Role } from '../../../shared/model/vocabulary.ts';
import type { AuditTrail } from '../../engine/people/audit-trail.ts';
import type { OpenSession, Sessions } from '../../engine/people/sessions.ts';
import { numberOfCursor } from '../cursor.ts';
import type { Caller, Handlers } from '../handler.ts';

/** Handlers of what concerns people: the audit chain and browser sessions. */
export function peopleHandlers(
  audit: Pick<AuditTrail, 'list'>,
  sessions: Pick<Sessions, 'list' | 'revoke'>,
): Handlers<'listAudit' | 'listSessions' | 'revokeSession'> {
  const theirs = (caller: Caller) =>
    sessions
      .list()
      .filter(({ key }) => caller.role === 'admin' || key.accessKeyId === caller.accessKeyId);

  return {
    listAudit: async (input) => {
      const rows = await audit.list({
        from: input.from === undefined ? null : Date.parse(input.from),
        to: input.to === undefined ? null : Date.parse(input.to),
        actor: input.actor ?? null,
        action: input.action ?? null,
        beforeId: input.cursor === undefined ? null : numberOfCursor(input.cursor),
        limit: input.limit + 1,
      });
      const shown = rows.slice(0, input.limit);
      return {
        items: shown.map(auditDocumentOf),
        next_cursor: rows.length > input.limit ? String(shown.at(-1)?.auditId ?? '') : null,
      };
    },
    listSessions: async (_input, caller) => ({ items: theirs(caller).map(sessionDocumentOf) }),
    revokeSession: async (input, caller) => {
      const known = theirs(caller).some(({ session }) => session.sessionId === input.session_id);
      // Whose session another one is, is nobody's business but an admin's.
      if (!known) {
        throw new LabRelayError('NOT_FOUND', 'There is no open session of yours with this id.', [
          { field: 'session_id', reason: 'is not open; listSessions lists those that are' },
        ]);
      }
      return sessionDocumentOf(await sessions.revoke(input.session_id));
    },
  };
}

function auditDocumentOf({ detail, ...entry }: AuditEntry): AuditDocument {
  return {
    audit_id: entry.auditId,
    at: toIso(entry.at),
    actor: entry.actor,
    access_key_id: detail.access_key_id ?? null,
    role: detail.role ?? null,
    action: entry.action,
    subject: entry.subject,
    reason: entry.reason,
    address: entry.address,
    fields: detail.fields ?? [],
    of: detail.of ?? null,
    outcome: detail.outcome ?? null,
    count: detail.count ?? null,
    worker: detail.worker ?? null,
    addresses: detail.addresses ?? [],
    found: detail.found ?? null,
    hash: entry.hash,
  };
}

function sessionDocumentOf({ session, key }: OpenSession): SessionDocument {
  return {
    session_id: session.sessionId,
    access_key_id: key.accessKeyId,
    name: key.name,
    // Sessions are opened with user keys alone, and those have a role.
    role: key.role as Role,
    address: session.address,
    created_at: toIso(session.createdAt),
    last_used_at: toIso(session.lastUsedAt),
    expires_at: toIso(session.expiresAt),
  };
}
