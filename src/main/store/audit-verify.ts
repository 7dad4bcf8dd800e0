import type { AuditFault, AuditLink, AuditVerdict } from '../../shared/model/audit.ts';
import {
  type AuditRow,
  BROKEN,
  HEAD,
  hashOf,
  type Head,
  isSealed,
  NO_HASH,
  parseHead,
} from './audit-chain.ts';
import { openReader } from './connection.ts';

/**
 * Checks the whole audit chain of a store's file, also while an engine writes to it: everything is
 * read as of one moment, and nothing is written.
 *
 * @param sealKey derived from the vault's key; null: the seal cannot be checked, which is a fault
 * @param noted   a link that was noted elsewhere: without one, a chain that was put back whole, with
 *   its seal, to what it was some time ago cannot be told from one that has not gone on
 */
export function verifyAudit(
  file: string,
  sealKey: Uint8Array | null,
  noted: AuditLink | null = null,
): AuditVerdict {
  const db = openReader(file);
  try {
    return db.transaction(() => {
      const head = db.prepare<[string], string>('SELECT value FROM meta WHERE name = ?').pluck();
      const rows = db.prepare<[], AuditRow>('SELECT * FROM audit ORDER BY audit_id').iterate();
      return check(rows, parseHead(head.get(HEAD)), sealKey, noted);
    })();
  } finally {
    db.close();
  }
}

/** Goes through the rows in their order. */
function check(
  rows: Iterable<AuditRow>,
  head: Head | null,
  sealKey: Uint8Array | null,
  noted: AuditLink | null,
): AuditVerdict {
  let entries = 0;
  let last: AuditRow | null = null;
  const wrong = (kind: AuditFault, auditId: number, detail: string): AuditVerdict => ({
    entries,
    fault: { kind, auditId, detail },
    newest: last && linkOf(last),
  });

  for (const row of rows) {
    entries += 1;
    const { audit_id: id } = row;
    const expected: number = (last?.audit_id ?? 0) + 1;
    if (id < expected) return wrong('INSERTED', id, `row ${id} stands before the first one`);
    if (id > expected) {
      const which =
        id - 1 === expected ? `row ${expected} was` : `rows ${expected} to ${id - 1} were`;
      return wrong('REMOVED', expected, `${which} removed`);
    }
    if (head && id > head.auditId) {
      return wrong('INSERTED', id, `row ${id} was inserted after the sealed end`);
    }
    if (hashOf(row) !== row.hash) {
      return wrong('CHANGED', id, `row ${id} was changed: its content does not have its hash`);
    }
    if (row.previous_hash !== (last?.hash ?? NO_HASH)) {
      const changed = Math.max(1, id - 1);
      return wrong('CHANGED', changed, `row ${changed} is not the one that row ${id} followed`);
    }
    if (id === noted?.auditId && row.hash !== noted.hash) {
      return wrong('CHANGED', id, `row ${id} is not the one that was noted`);
    }
    if (row.action === BROKEN) {
      return wrong('SEAL_BROKEN', id, `row ${id} tells what the engine found: ${foundOf(row)}`);
    }
    last = row;
  }

  if (noted && noted.auditId > (last?.audit_id ?? 0)) {
    const missing = (last?.audit_id ?? 0) + 1;
    const detail = `the last rows are missing: ${missing} to ${noted.auditId}, which was noted`;
    return wrong('TAIL_MISSING', missing, detail);
  }
  const whole = (): AuditVerdict => ({ entries, fault: null, newest: last && linkOf(last) });
  if (!head) {
    return last ? wrong('SEAL_BROKEN', last.audit_id, 'the seal of the end is missing') : whole();
  }
  const lastId = last?.audit_id ?? 0;
  if (lastId < head.auditId) {
    return wrong(
      'TAIL_MISSING',
      lastId + 1,
      `the last rows are missing: ${lastId + 1} to ${head.auditId}`,
    );
  }
  if (last?.hash !== head.hash) {
    return wrong('CHANGED', lastId, `row ${lastId} is not the one that was sealed`);
  }
  if (!sealKey) {
    return wrong('SEAL_BROKEN', lastId, 'the seal cannot be checked without the key that made it');
  }
  return isSealed(head, sealKey)
    ? whole()
    : wrong('SEAL_BROKEN', lastId, 'the seal of the end was made with another key');
}

function linkOf({ audit_id: auditId, hash }: AuditRow): AuditLink {
  return { auditId, hash };
}

function foundOf({ detail }: AuditRow): string {
  return (JSON.parse(detail ?? '{}') as { found?: string }).found ?? 'nothing';
}
