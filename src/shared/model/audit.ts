import type { Role } from './vocabulary.ts';

/** What is to be kept of an act, before it happens. It holds no secret and no patient's data. */
export interface NewAuditEntry {
  /** Epoch milliseconds. */
  at: number;
  /** The person's name, or what acted of itself. */
  actor: string;
  /** What was done, e.g. the procedure's name. */
  action: string;
  /** Ids of what it was done to, e.g. `lab_id=7`; empty where it has none. */
  subject: string;
  reason: string | null;
  /** Network address; null: from this machine's own desktop or the engine itself. */
  address: string | null;
  detail: AuditDetail;
}

/** What else is kept of an act. */
export interface AuditDetail {
  access_key_id?: number | null;
  role?: Role;
  /** Names of the fields that were given, never their values. */
  fields?: string[];
  /** The entry that this one tells the outcome of. */
  of?: number;
  /** `done`, or the code of the error. */
  outcome?: string;
  /** The outside worker that was given tasks, as it calls itself. */
  worker?: string;
  /** How often, where several are told in one entry. */
  count?: number;
  addresses?: string[];
  /** How the chain was found before this entry, where it was not as it was left. */
  found?: string;
}

/** One link of the chain. */
export interface AuditEntry extends NewAuditEntry {
  auditId: number;
  previousHash: string;
  hash: string;
}

/** Which entries to list, newest first; every filter given must hold. */
export interface AuditQuery {
  /** At or after, and before (epoch ms). */
  from: number | null;
  to: number | null;
  actor: string | null;
  action: string | null;
  /** The last entry of the page before. */
  beforeId: number | null;
  limit: number;
}

/** What is wrong with a row of the chain. */
export type AuditFault = 'CHANGED' | 'REMOVED' | 'INSERTED' | 'TAIL_MISSING' | 'SEAL_BROKEN';

/** What a check of the whole chain has found. */
export interface AuditVerdict {
  /** Entries read. */
  entries: number;
  /** The first that is wrong; null: none is. */
  fault: { kind: AuditFault; auditId: number; detail: string } | null;
  /** The last that is right; null: there is none. */
  newest: AuditLink | null;
}

/** One link of the chain, as it can be noted elsewhere. */
export interface AuditLink {
  auditId: number;
  hash: string;
}
