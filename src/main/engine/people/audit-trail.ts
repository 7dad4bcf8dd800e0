import { createHmac } from 'node:crypto';
import type { AuditEntry, AuditQuery, NewAuditEntry } from '../../../shared/model/audit.ts';
import type { AuditPort } from './port.ts';

/**
 * The key that seals the end of the audit chain. It is derived, so that nothing sealed for another
 * purpose can stand for it.
 * @param vaultKey the key that seals secrets at rest
 */
export function auditSealKey(vaultKey: Uint8Array): Buffer {
  return createHmac('sha256', vaultKey).update('labrelay audit chain v1').digest();
}

/** Who did what, when and why: append-only, each entry chained to the one before. */
export class AuditTrail {
  readonly #store: AuditPort;
  readonly #sealKey: Buffer;
  readonly #clock: () => number;

  /** @param deps.clock epoch milliseconds */
  constructor(deps: { store: AuditPort; sealKey: Buffer; clock: () => number }) {
    this.#store = deps.store;
    this.#sealKey = deps.sealKey;
    this.#clock = deps.clock;
  }

  /**
   * Resolves once the entry is on disk; what it tells of comes after that.
   * @throws LabRelayError `STORE_UNAVAILABLE`
   */
  append(entry: Omit<NewAuditEntry, 'at'>): Promise<number> {
    const sealKey = this.#sealKey;
    return this.#store.appendAudit({ entry: { at: this.#clock(), ...entry }, sealKey });
  }

  list(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#store.listAudit(query);
  }
}
