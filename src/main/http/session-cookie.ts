import type { FastifyReply, FastifyRequest } from 'fastify';

/** How the server is reached, as far as its cookie depends on it. */
interface Reached {
  tls: boolean;
  publicUrl: string | null;
}

/**
 * The cookie of a browser session: out of reach of scripts, of other sites and, where the page came
 * over TLS, of plain http. Its name carries the port, since browsers give a cookie to every port of
 * a machine, and two LabRelays must not sign each other's people out.
 */
export class SessionCookie {
  readonly #tls: boolean;
  readonly #secureHost: string | null;

  constructor({ tls, publicUrl }: Reached) {
    const url = publicUrl === null ? null : new URL(publicUrl);
    this.#tls = tls;
    this.#secureHost = url?.protocol === 'https:' ? url.host : null;
  }

  /** The value that the request brings; null where it brings none. */
  valueOf(request: FastifyRequest): string | null {
    const name = this.#nameFor(request);
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const at = pair.indexOf('=');
      if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
    }
    return null;
  }

  /** @param maxAge seconds for which the browser keeps it */
  set(request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void {
    const secure = this.#isSecure(request) ? '; Secure' : '';
    reply.header(
      'set-cookie',
      `${this.#nameFor(request)}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}; Max-Age=${maxAge}`,
    );
  }

  /** Makes the browser forget it. */
  clear(request: FastifyRequest, reply: FastifyReply): void {
    this.set(request, reply, '', 0);
  }

  /** `__Host-` keeps a plain http page of the same machine from planting one (RFC 6265bis, 4.1.3). */
  #nameFor(request: FastifyRequest): string {
    const name = `labrelay_session_${request.socket.localPort ?? 0}`;
    return this.#isSecure(request) ? `__Host-${name}` : name;
  }

  /** Behind a proxy that ends TLS only what was asked of the public name came over it. */
  #isSecure(request: FastifyRequest): boolean {
    return this.#tls || (this.#secureHost !== null && request.headers.host === this.#secureHost);
  }
}
