import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import { NotSendable } from './not-sendable.ts';
import { type GrantedToken, grantedToken, tokenRequest } from './token-request.ts';
import type { Transport } from './transport.ts';

/** The first wait before a token endpoint that gave none is asked again; doubled up to the last. */
const FIRST_PAUSE_MS = 2_000;
const LAST_PAUSE_MS = 60_000;

/**
 * A token that was got after a 401 and is refused as well is at fault in another way (its scope, the
 * partner itself): so long no further one is asked for.
 */
const AFTER_REFUSED_RENEWAL_MS = 30_000;

/** So long an attempt waits for a token at most, its slot with it. */
const TOKEN_TIMEOUT_MS = 8_000;

/** What is known of an authentication's token. It goes with its row. */
interface Entry {
  held: Held | null;
  /** The request under way, which all who need a token wait for. */
  fetching: Promise<string> | null;
  /** Why none was given and when (epoch ms), and how long (ms) the endpoint is left in peace then. */
  failure: { error: NotSendable; at: number; pause: number; times: number } | null;
}

interface Held {
  token: string;
  /** From when on another is fetched beside the work (epoch ms). */
  renewAt: number;
  /** From when on none leaves with it (epoch ms). */
  deadAt: number;
  /** When it was got instead of one that a partner refused; null: it was not. */
  insteadAt: number | null;
}

/**
 * Keeps the access tokens of OAuth 2 client credentials, in memory alone. A token is renewed before
 * it ends: in its last fifth (of a long-lived one, its last 30 s) the next is fetched beside the
 * work, which goes on with the old one. However many need a token, one request is under way.
 */
export class TokenKeeper {
  readonly #transport: Transport;
  readonly #clock: () => number;
  readonly #timeoutMs: number;
  /** By row: a changed authentication is another row, with nothing known of it. */
  readonly #entries = new WeakMap<DeveloperAuthentication, Entry>();

  constructor(parts: { transport: Transport; clock: () => number; tokenTimeoutMs?: number }) {
    this.#transport = parts.transport;
    this.#clock = parts.clock;
    this.#timeoutMs = parts.tokenTimeoutMs ?? TOKEN_TIMEOUT_MS;
  }

  /**
   * @param secret the client secret; opened only when a token is asked for
   * @returns at once where a living token is at hand
   * @throws NotSendable (at once, or as the promise's) where there is none to be had
   */
  token(authentication: DeveloperAuthentication, secret: () => string): string | Promise<string> {
    const entry = this.#entry(authentication);
    const now = this.#clock();
    const { held, failure } = entry;
    const isPaused = failure !== null && isWithin(failure.at, failure.pause, now);
    if (held && now < held.deadAt) {
      if (now >= held.renewAt && !isPaused) {
        // Its failure is kept in the entry, for those who find no living token any more.
        this.#fetch(authentication, entry, secret, null).catch(() => {});
      }
      return held.token;
    }
    if (!entry.fetching && isPaused) throw failure.error;
    return this.#fetch(authentication, entry, secret, null);
  }

  /** Asks for a token now, whatever is kept. @throws NotSendable */
  async fresh(authentication: DeveloperAuthentication, secret: () => string): Promise<string> {
    return await this.#fetch(authentication, this.#entry(authentication), secret, null);
  }

  /**
   * Another token instead of one that a partner answered 401 to.
   * @returns null where there is none to be had, or asking again would be of no use
   */
  async instead(
    authentication: DeveloperAuthentication,
    refused: string,
    secret: () => string,
  ): Promise<string | null> {
    const entry = this.#entry(authentication);
    const { held, failure } = entry;
    const now = this.#clock();
    // Somebody else's call was refused too, and was quicker.
    if (held && held.token !== refused && now < held.deadAt) return held.token;
    if (!entry.fetching) {
      if (failure && isWithin(failure.at, failure.pause, now)) return null;
      const renewedAt = held?.insteadAt ?? null;
      if (renewedAt !== null && isWithin(renewedAt, AFTER_REFUSED_RENEWAL_MS, now)) return null;
    }
    try {
      const token = await this.#fetch(authentication, entry, secret, now);
      // Some endpoints give the same one until it ends.
      return token === refused ? null : token;
    } catch (error) {
      if (error instanceof NotSendable) return null;
      throw error;
    }
  }

  #entry(authentication: DeveloperAuthentication): Entry {
    let entry = this.#entries.get(authentication);
    if (!entry) {
      entry = { held: null, fetching: null, failure: null };
      this.#entries.set(authentication, entry);
    }
    return entry;
  }

  #fetch(
    authentication: DeveloperAuthentication,
    entry: Entry,
    secret: () => string,
    insteadAt: number | null,
  ): Promise<string> {
    entry.fetching ??= this.#ask(authentication, entry, secret, insteadAt).finally(() => {
      entry.fetching = null;
    });
    return entry.fetching;
  }

  async #ask(
    authentication: DeveloperAuthentication,
    entry: Entry,
    secret: () => string,
    insteadAt: number | null,
  ): Promise<string> {
    const askedAt = this.#clock();
    const { request, limits } = tokenRequest(authentication, secret(), this.#timeoutMs);
    const outcome = await this.#transport.send(request, limits);
    try {
      entry.held = heldFrom(grantedToken(authentication, outcome), askedAt, insteadAt);
      entry.failure = null;
      return entry.held.token;
    } catch (error) {
      if (!(error instanceof NotSendable)) throw error;
      const times = (entry.failure?.times ?? 0) + 1;
      const pause = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (times - 1));
      entry.failure = { error, times, at: this.#clock(), pause };
      throw error;
    }
  }
}

/** A clock that is set back ends every wait, or it could last for hours. */
function isWithin(from: number, length: number, now: number): boolean {
  return now >= from && now < from + length;
}

/** Counted from the question on: the answer's own way must not lengthen the token's life. */
function heldFrom(
  { token, expiresIn }: GrantedToken,
  askedAt: number,
  insteadAt: number | null,
): Held {
  const lifetime = expiresIn * 1_000;
  const margin = Math.min(lifetime / 5, 30_000);
  const end = askedAt + lifetime;
  // The last of it is left for the way to the partner.
  return { token, renewAt: end - margin, deadAt: end - margin / 4, insteadAt };
}
