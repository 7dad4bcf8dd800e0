import type { AccessKey } from '../../../shared/model/configuration.ts';
import type { Session } from '../../../shared/model/session.ts';
import type { AuditTrail } from './audit-trail.ts';
import { RefusedSignIns } from './refused-sign-ins.ts';
import type { OpenSession, Sessions } from './sessions.ts';

/** Signing in and out at the console, each with its entry in the audit chain before it counts. */
export class SignIn {
  readonly #audit: Pick<AuditTrail, 'append'>;
  readonly #sessions: Sessions;
  readonly #refused: RefusedSignIns;

  /** @param deps.onTrouble told where refusals could not be written */
  constructor(deps: {
    audit: Pick<AuditTrail, 'append'>;
    sessions: Sessions;
    onTrouble: (error: unknown) => void;
  }) {
    this.#audit = deps.audit;
    this.#sessions = deps.sessions;
    this.#refused = new RefusedSignIns({
      append: (detail) =>
        deps.audit.append({
          actor: 'unknown',
          action: 'signInRefused',
          subject: '',
          reason: null,
          address: detail.addresses[0] ?? null,
          detail,
        }),
      onTrouble: deps.onTrouble,
    });
  }

  /**
   * Opens a session for the owner of a user key.
   * @returns the session and the cookie's value
   * @throws LabRelayError `STORE_UNAVAILABLE`; nobody is signed in then
   */
  async in(key: AccessKey, address: string): Promise<{ session: Session; value: string }> {
    await this.#tell('signIn', key, address, '');
    return this.#sessions.open(key, address);
  }

  /** Ends the session of whoever asks for it. */
  async out({ session, key }: OpenSession, address: string): Promise<void> {
    await this.#tell('signOut', key, address, `session_id=${session.sessionId}`);
    await this.#sessions.revoke(session.sessionId);
  }

  /** Notes a try with a key that is not known or no person's. */
  refused(address: string): void {
    this.#refused.count(address);
  }

  /** See {@link Sessions.find}. */
  find(value: string, isUse: boolean): OpenSession | null {
    return this.#sessions.find(value, isUse);
  }

  /** Writes the refusals that were still being counted. Idempotent. */
  stop(): Promise<void> {
    return this.#refused.stop();
  }

  async #tell(action: string, key: AccessKey, address: string, subject: string): Promise<void> {
    const { accessKeyId: access_key_id, role } = key;
    const detail = { access_key_id, ...(role ? { role } : {}) };
    await this.#audit.append({ actor: key.name, action, subject, reason: null, address, detail });
  }
}
