import { hash, randomBytes } from 'node:crypto';
import { LabRelayError } from '../../../shared/errors.ts';
import type { AccessKey, Settings } from '../../../shared/model/configuration.ts';
import type { Session } from '../../../shared/model/session.ts';
import type { SessionPort } from './port.ts';

/** Bytes of randomness in a cookie's value. */
const VALUE_BYTES = 32;
/** How often at most the time of the last use is written (ms). */
const TOUCH_EVERY_MS = 60_000;
/** Open sessions of one key; the next one ends the one used longest ago. */
const OPEN_PER_KEY = 20;

/** What sessions ask of the configuration. */
interface Keys {
  /** A key that is not revoked. */
  accessKeyById(accessKeyId: number): AccessKey | undefined;
  readonly settings: Pick<Settings, 'sessionHours' | 'sessionIdleMinutes'>;
}

/** A session with the person whose it is. */
export interface OpenSession {
  session: Session;
  key: AccessKey;
}

/**
 * Browser sessions: opened with a user key, recognised by a random cookie, ended by time, by
 * idleness, by the person, by an admin, or with the key. They outlive the engine.
 */
export class Sessions {
  readonly #store: SessionPort;
  readonly #keys: Keys;
  readonly #clock: () => number;
  readonly #onTrouble: (error: unknown) => void;
  readonly #byHash = new Map<string, Session>();
  readonly #written = new Map<number, number>();

  /** @param deps.onTrouble told where the time of a use could not be written; the session goes on */
  constructor(deps: {
    store: SessionPort;
    keys: Keys;
    clock: () => number;
    onTrouble: (error: unknown) => void;
  }) {
    this.#store = deps.store;
    this.#keys = deps.keys;
    this.#clock = deps.clock;
    this.#onTrouble = deps.onTrouble;
  }

  /** Takes up the sessions of the engine's former life. */
  async load(): Promise<void> {
    for (const session of await this.#store.loadSessions()) {
      this.#byHash.set(session.hash, session);
    }
    // On a full disk the engine must start all the same.
    await this.#store
      .purgeSessions(this.#clock())
      .catch((error: unknown) => this.#onTrouble(error));
  }

  /**
   * Opens a session for the owner of a user key.
   * @returns the session and the cookie's value, which is known nowhere else from then on
   */
  async open(key: AccessKey, address: string | null): Promise<{ session: Session; value: string }> {
    const own = this.list().filter(({ session }) => session.accessKeyId === key.accessKeyId);
    const byUse = own.map(({ session }) => session).sort((a, b) => b.lastUsedAt - a.lastUsedAt);
    await this.#end(byUse.slice(OPEN_PER_KEY - 1));
    const value = randomBytes(VALUE_BYTES).toString('base64url');
    const now = this.#clock();
    const session = await this.#store.openSession({
      accessKeyId: key.accessKeyId,
      hash: hashOf(value),
      address,
      createdAt: now,
      lastUsedAt: now,
      expiresAt: now + this.#keys.settings.sessionHours * 3_600_000,
    });
    this.#byHash.set(session.hash, session);
    return { session, value };
  }

  /**
   * The open session that a cookie's value belongs to.
   * @param isUse false for what a page asks by itself while nobody is at it
   */
  find(value: string, isUse: boolean): OpenSession | null {
    const session = this.#byHash.get(hashOf(value));
    const open = session ? this.#openOne(session) : null;
    if (!session || !open) return null;
    if (isUse) this.#touch(session);
    return open;
  }

  /** Open sessions, in the order in which they were opened. */
  list(): OpenSession[] {
    return [...this.#byHash.values()].flatMap((session) => this.#openOne(session) ?? []);
  }

  /**
   * Ends a session at once.
   * @throws LabRelayError `NOT_FOUND`
   */
  async revoke(sessionId: number): Promise<OpenSession> {
    const open = this.list().find(({ session }) => session.sessionId === sessionId);
    if (!open) {
      throw new LabRelayError('NOT_FOUND', 'There is no open session with this session_id.', [
        { field: 'session_id', reason: 'is not open; listSessions lists those that are' },
      ]);
    }
    await this.#end([open.session]);
    return open;
  }

  /** Null where it has ended, by whatever; forgets it then. */
  #openOne(session: Session): OpenSession | null {
    const now = this.#clock();
    const idleMs = this.#keys.settings.sessionIdleMinutes * 60_000;
    const key = this.#keys.accessKeyById(session.accessKeyId);
    if (key && now < session.expiresAt && now < session.lastUsedAt + idleMs) {
      return { session, key };
    }
    this.#forget(session);
    // Ended for good: a longer idle time set later must not wake it.
    this.#store
      .endSessions({ sessionIds: [session.sessionId], now })
      .catch((error: unknown) => this.#onTrouble(error));
    return null;
  }

  #touch(session: Session): void {
    const now = this.#clock();
    session.lastUsedAt = now;
    const { sessionId } = session;
    if (now < (this.#written.get(sessionId) ?? session.createdAt) + TOUCH_EVERY_MS) return;
    this.#written.set(sessionId, now);
    this.#store.touchSession({ sessionId, now }).catch((error: unknown) => this.#onTrouble(error));
  }

  async #end(sessions: Session[]): Promise<void> {
    if (sessions.length === 0) return;
    // Ended here first: a store that fails must not keep a session open.
    for (const session of sessions) this.#forget(session);
    const sessionIds = sessions.map(({ sessionId }) => sessionId);
    await this.#store.endSessions({ sessionIds, now: this.#clock() });
  }

  #forget(session: Session): void {
    this.#byHash.delete(session.hash);
    this.#written.delete(session.sessionId);
  }
}

function hashOf(value: string): string {
  return hash('sha256', value, 'hex');
}
