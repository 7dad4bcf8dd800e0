import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** A row of `audit`. */
export interface AuditRow {
  audit_id: number;
  at: number;
  actor: string;
  action: string;
  subject: string;
  reason: string | null;
  address: string | null;
  detail: string | null;
  previous_hash: string;
  hash: string;
}

/** What the first link is chained to. */
export const NO_HASH = '0'.repeat(64);

/** Name in `meta` of the sealed end of the chain. */
export const HEAD = 'audit_head';

/** Action of the entry by which the engine tells that it has found the chain's end not as it left it. */
export const BROKEN = 'auditSealBroken';

/** Hash of a row over the one before it: everything but the hash itself, in a fixed order. */
export function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const text = JSON.stringify([
    row.previous_hash,
    row.audit_id,
    row.at,
    row.actor,
    row.action,
    row.subject,
    row.reason,
    row.address,
    row.detail,
  ]);
  return hash('sha256', text, 'hex');
}

/** The chain's end as it was left: its last row, under a seal that takes the vault's key to make. */
export interface Head {
  auditId: number;
  hash: string;
  seal: string;
}

/** Seals the end of the chain. @param key derived from the vault's key, for this use alone */
export function sealHead(auditId: number, rowHash: string, key: Uint8Array): Head {
  return { auditId, hash: rowHash, seal: sealOf(auditId, rowHash, key) };
}

/** Whether the seal was made with this key, for this end. */
export function isSealed({ auditId, hash: rowHash, seal }: Head, key: Uint8Array): boolean {
  const [given, right] = [Buffer.from(seal), Buffer.from(sealOf(auditId, rowHash, key))];
  return given.length === right.length && timingSafeEqual(given, right);
}

function sealOf(auditId: number, rowHash: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(`${auditId}.${rowHash}`).digest('hex');
}

/** Reads what stands in `meta`; null where it is absent or no head. */
export function parseHead(text: string | undefined): Head | null {
  if (text === undefined) return null;
  try {
    const { auditId, hash: rowHash, seal } = JSON.parse(text) as Partial<Head>;
    return typeof auditId === 'number' && typeof rowHash === 'string' && typeof seal === 'string'
      ? { auditId, hash: rowHash, seal }
      : null;
  } catch {
    // Whoever has written that was not LabRelay.
    return null;
  }
}
