import type { FastifyRequest } from 'fastify';
import { LabRelayError } from '../../shared/errors.ts';
import type { OpenSession } from '../engine/people/sessions.ts';
import type { SessionCookie } from './session-cookie.ts';

/** By this header the console says that it asks by itself, while nobody is at it. */
const IDLE_HEADER = 'x-labrelay-idle';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Pages call this route by themselves: that does not count as use of a session. */
    unattended?: boolean;
  }
}

/** What the server needs to know a session. */
export interface SessionLookup {
  /** The open session of a cookie's value. @param isUse whether it counts as used by that */
  find(value: string, isUse: boolean): OpenSession | null;
}

/** Recognises who calls by a session's cookie, and that a page of our own makes the call. */
export class SessionGate {
  readonly #sessions: SessionLookup;
  readonly #cookie: SessionCookie;
  readonly #publicUrl: string | null;

  constructor(deps: { sessions: SessionLookup; cookie: SessionCookie; publicUrl: string | null }) {
    this.#sessions = deps.sessions;
    this.#cookie = deps.cookie;
    this.#publicUrl = deps.publicUrl;
  }

  /**
   * @returns the open session; null where the request brings no cookie
   * @throws LabRelayError where the session has ended, or where the call may be another site's
   */
  take(request: FastifyRequest): OpenSession | null {
    const value = this.#cookie.valueOf(request);
    if (value === null) return null;
    const isUse =
      request.headers[IDLE_HEADER] === undefined && request.routeOptions.config.unattended !== true;
    const open = this.#sessions.find(value, isUse);
    if (!open) {
      throw new LabRelayError('UNAUTHENTICATED', 'Your session has ended. Sign in again.', [
        { field: 'Cookie', reason: 'is of a session that has ended; sign in again' },
      ]);
    }
    this.#refuseForeignPages(request);
    return open;
  }

  /** Whether the session of a request that was let in is still open; asking is no use of it. */
  isOpen(request: FastifyRequest): boolean {
    const value = this.#cookie.valueOf(request);
    return value !== null && this.#sessions.find(value, false) !== null;
  }

  /**
   * Against requests that another site makes with our cookie (CSRF). `SameSite=Strict` already keeps
   * the cookie from them; this holds where a browser does not, and for pages on other ports of this
   * machine, which are the same site.
   */
  #refuseForeignPages(request: FastifyRequest): void {
    const { origin, host } = request.headers;
    const site = request.headers['sec-fetch-site'];
    const reads = request.method === 'GET';
    // Browsers leave Sec-Fetch-Site out on plain http, but for this machine's own addresses.
    const isOwn =
      site === undefined
        ? (reads && origin === undefined) || this.#isOwn(origin, host)
        : site === 'same-origin' || (reads && site === 'none');
    if (!isOwn) {
      throw new LabRelayError(
        'FOREIGN_ORIGIN',
        'With a session’s cookie only the console’s own pages may call. Programs use a user key.',
        [{ field: 'Origin', reason: 'must be the address of the console itself' }],
      );
    }
    // A form of another site cannot send JSON.
    const type = request.headers['content-type'] ?? '';
    if (request.method === 'POST' && !/^application\/json\b/i.test(type)) {
      throw new LabRelayError(
        'UNSUPPORTED_MEDIA_TYPE',
        'The body must be JSON: send the header content-type: application/json.',
        [{ field: 'content-type', reason: 'must be application/json' }],
      );
    }
  }

  #isOwn(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || !URL.canParse(origin)) return false;
    return origin === this.#publicUrl || new URL(origin).host === host;
  }
}
