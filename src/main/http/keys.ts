import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LabRelayError } from '../../shared/errors.ts';
import type { AccessKey } from '../../shared/model/configuration.ts';
import { ROLES, type Role } from '../../shared/model/vocabulary.ts';
import type { ConfigurationLookup } from '../engine/configuration/lookup.ts';
import { GuessLimiter } from './guess-limiter.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the route's key check; null on public routes. */
    accessKey: AccessKey | null;
  }
}

/** A synchronous hook; the hot path has no room for more. */
export type KeyCheck = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: LabRelayError) => void,
) => void;

/** Wrong keys a minute that one address may try. */
const FAILURES_A_MINUTE = 30;

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1) or of `x-api-key`; null without either. */
export function tokenOf(headers: FastifyRequest['headers']): string | null {
  const authorization = headers.authorization;
  if (authorization !== undefined) {
    const match = /^bearer +(\S+) *$/i.exec(authorization);
    return match?.[1] ?? null;
  }
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

/** Whether a key of this role may do what needs that one; each role includes those before it. */
export function roleReaches(role: Role | null, needed: Role): boolean {
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** Checks the credential of every call in, before its body is read. */
export class KeyGate {
  private readonly configuration: Pick<ConfigurationLookup, 'accessKeyOf'>;
  private readonly ownTokenHash: Buffer;
  private readonly guesses: GuessLimiter;

  /** @param options `ownToken`: this start's token of our own worker's reports over HTTP. */
  constructor(options: {
    configuration: Pick<ConfigurationLookup, 'accessKeyOf'>;
    ownToken: string;
    guesses?: GuessLimiter;
  }) {
    this.configuration = options.configuration;
    this.ownTokenHash = sha256(options.ownToken);
    this.guesses =
      options.guesses ?? new GuessLimiter({ limit: FAILURES_A_MINUTE, windowMs: 60_000 });
  }

  /**
   * For event routes: an inbound key that may call this route, or the key of a person who may act
   * (operator or admin). Which labs an inbound key may speak for is decided by intake, once the
   * body is known.
   */
  event(route: string): KeyCheck {
    return this.check((key) => {
      if (key.kind === 'inbound') {
        return key.routes === null || key.routes.some((allowed) => sameRoute(allowed, route))
          ? null
          : `This key may not call ${route}. Make one whose routes include it.`;
      }
      return key.kind === 'user' && roleReaches(key.role, 'operator')
        ? null
        : 'Events are posted with an inbound key, or with the key of an operator or admin.';
    });
  }

  /** For console procedures: a person's key with at least this role. */
  procedure(role: Role): KeyCheck {
    return this.check((key) => {
      if (key.kind !== 'user') return 'The console is called with the key of a person (user key).';
      return roleReaches(key.role, role)
        ? null
        : `This needs the role ${role}; the key has the role ${key.role ?? 'none'}. Use the key of someone who has it.`;
    });
  }

  /** For callbacks: `x-internal-token` with an internal key or this start's own token. */
  internal(): KeyCheck {
    return (request, reply, done) => {
      const given = request.headers['x-internal-token'];
      const token = typeof given === 'string' && given !== '' ? given : null;
      if (token !== null && timingSafeEqual(sha256(token), this.ownTokenHash)) return done();
      return this.admit(request, reply, done, token, 'internal');
    };
  }

  private check(refusal: (key: AccessKey) => string | null): KeyCheck {
    return (request, reply, done) =>
      this.admit(
        request,
        reply,
        (error) => {
          if (error) return done(error);
          const reason = request.accessKey ? refusal(request.accessKey) : null;
          return reason === null ? done() : done(forbidden(reason));
        },
        tokenOf(request.headers),
        'bearer',
      );
  }

  private admit(
    request: FastifyRequest,
    reply: FastifyReply,
    done: (error?: LabRelayError) => void,
    token: string | null,
    scheme: 'bearer' | 'internal',
  ): void {
    const address = request.ip;
    const key = token === null ? undefined : this.configuration.accessKeyOf(token);
    const wait = this.guesses.waitOf(address);
    if (wait > 0 && !(key && this.guesses.isTrusted(address, key.accessKeyId))) {
      reply.header('retry-after', wait);
      return done(
        new LabRelayError(
          'RATE_LIMITED',
          `Too many wrong keys from this address. Try again in ${wait} s with the right one.`,
        ),
      );
    }
    if (!key || (scheme === 'internal' && key.kind !== 'internal')) {
      this.guesses.failed(address, token ?? '');
      return done(missing(scheme, token !== null));
    }
    this.guesses.succeeded(address, key.accessKeyId);
    request.accessKey = key;
    return done();
  }
}

/** @param cure what a caller should do who may not do this */
function forbidden(cure: string): LabRelayError {
  return new LabRelayError('FORBIDDEN', cure, [{ field: 'Authorization', reason: cure }]);
}

function missing(scheme: 'bearer' | 'internal', given: boolean): LabRelayError {
  const field = scheme === 'internal' ? 'x-internal-token' : 'Authorization';
  const cure =
    scheme === 'internal'
      ? 'send an internal access key in the header x-internal-token'
      : 'send an access key as "Authorization: Bearer KEY" or in x-api-key';
  return new LabRelayError(
    'UNAUTHENTICATED',
    given ? `The key is not known or was revoked; ${cure}.` : `There is no key; ${cure}.`,
    [{ field, reason: cure }],
  );
}

/** Routes are compared as `/billing`, however a key's list or the table spells the slash. */
function sameRoute(a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '');
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
