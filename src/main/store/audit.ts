import type { Database } from 'better-sqlite3';
import type {
  AuditDetail,
  AuditEntry,
  AuditQuery,
  NewAuditEntry,
} from '../../shared/model/audit.ts';
import {
  type AuditRow,
  BROKEN,
  HEAD,
  hashOf,
  isSealed,
  NO_HASH,
  parseHead,
  sealHead,
} from './audit-chain.ts';

/** An entry with the key that seals the chain's end. */
export interface AppendAudit {
  entry: NewAuditEntry;
  sealKey: Uint8Array;
}

type Link = Pick<AuditRow, 'audit_id' | 'hash'>;

/**
 * Appends to the audit chain. It is one command of the only writer, which reads the last link
 * itself, so that two entries never follow the same one. An end that is not as it was left is told
 * of by an entry of its own first: going on must not cover it up.
 */
export function createAuditCommands(db: Database) {
  const newest = db.prepare<[], Link>(
    'SELECT audit_id, hash FROM audit ORDER BY audit_id DESC LIMIT 1',
  );
  const head = db.prepare<[string], string>('SELECT value FROM meta WHERE name = ?').pluck();
  const keepHead = db.prepare<[string, string]>(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const insert = db.prepare<[AuditRow]>(
    `INSERT INTO audit (audit_id, at, actor, action, subject, reason, address, detail, previous_hash, hash)
     VALUES (@audit_id, @at, @actor, @action, @subject, @reason, @address, @detail, @previous_hash, @hash)`,
  );

  function append(entry: NewAuditEntry, last: Link | undefined): Link {
    const row = {
      audit_id: (last?.audit_id ?? 0) + 1,
      at: entry.at,
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      reason: entry.reason,
      address: entry.address,
      detail: JSON.stringify(entry.detail),
      previous_hash: last?.hash ?? NO_HASH,
    };
    const link = { ...row, hash: hashOf(row) };
    insert.run(link);
    return link;
  }

  /** How the end differs from what was left; null: it does not. */
  function faultOf(last: Link | undefined, sealKey: Uint8Array): string | null {
    const left = parseHead(head.get(HEAD));
    if (!left) return last ? 'the seal is missing' : null;
    if (!last) return `all rows up to ${left.auditId} are missing`;
    if (last.audit_id < left.auditId) {
      return `rows ${last.audit_id + 1} to ${left.auditId} are missing`;
    }
    if (last.audit_id > left.auditId) return `rows after ${left.auditId} were added`;
    if (last.hash !== left.hash) return `row ${last.audit_id} is another one`;
    return isSealed(left, sealKey) ? null : 'the seal was made with another key';
  }

  return {
    /** @returns the entry's id */
    appendAudit({ entry, sealKey }: AppendAudit): number {
      let last = newest.get();
      const found = faultOf(last, sealKey);
      if (found !== null) {
        const { at } = entry;
        const told = { at, actor: 'LabRelay', action: BROKEN, subject: '', detail: { found } };
        last = append({ ...told, reason: null, address: null }, last);
      }
      const link = append(entry, last);
      keepHead.run(HEAD, JSON.stringify(sealHead(link.audit_id, link.hash, sealKey)));
      return link.audit_id;
    },
  };
}

/** The audit chain as people read it. */
export function createAuditQueries(db: Database) {
  // By the primary key backwards; a filter only skips rows, of which an admin's page is short.
  const list = db.prepare<[AuditQuery], AuditRow>(
    `SELECT * FROM audit
     WHERE (@beforeId IS NULL OR audit_id < @beforeId)
       AND (@from IS NULL OR at >= @from) AND (@to IS NULL OR at < @to)
       AND (@actor IS NULL OR actor = @actor) AND (@action IS NULL OR action = @action)
     ORDER BY audit_id DESC LIMIT @limit`,
  );
  return {
    listAudit(query: AuditQuery): AuditEntry[] {
      return list.all(query).map((row) => ({
        auditId: row.audit_id,
        at: row.at,
        actor: row.actor,
        action: row.action,
        subject: row.subject,
        reason: row.reason,
        address: row.address,
        detail: JSON.parse(row.detail ?? '{}') as AuditDetail,
        previousHash: row.previous_hash,
        hash: row.hash,
      }));
    },
  };
}
