import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fieldError, LabRelayError } from '../../shared/errors.ts';
import type { AccessKey } from '../../shared/model/configuration.ts';
import type { Session } from '../../shared/model/session.ts';
import { ROLES, type Role } from '../../shared/model/vocabulary.ts';
import { CHOSEN_TOKEN } from '../engine/configuration/access-keys.ts';
import type { ConfigurationLookup } from '../engine/configuration/lookup.ts';
import { GuessLimiter } from './guess-limiter.ts';
import type { SessionGate } from './session-gate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the route's key check; null on public routes. */
    accessKey: AccessKey | null;
    /** Set beside it where a session's cookie was sent instead of the key. */
    session: Session | null;
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
  private readonly sessions: SessionGate;

  /** @param options `ownToken`: this start's token of our own worker's reports over HTTP. */
  constructor(options: {
    configuration: Pick<ConfigurationLookup, 'accessKeyOf'>;
    ownToken: string;
    sessions: SessionGate;
    guesses?: GuessLimiter;
  }) {
    this.configuration = options.configuration;
    this.ownTokenHash = sha256(options.ownToken);
    this.sessions = options.sessions;
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

  /**
   * For lists of what event routes took: an inbound key that names this route (one that may post to
   * every route was not made to read), or the key of a person who may act.
   */
  listing(route: string): KeyCheck {
    return this.check((key) => {
      if (key.kind === 'inbound') {
        return key.routes?.some((allowed) => sameRoute(allowed, route))
          ? null
          : `This key may not read from ${route}. Make one whose routes name it.`;
      }
      return key.kind === 'user' && roleReaches(key.role, 'operator')
        ? null
        : 'Lists are read with an inbound key, or with the key of an operator or admin.';
    });
  }

  /** For console procedures: a person with at least this role, by key or by session. */
  procedure(role: Role): KeyCheck {
    const refusal = (key: AccessKey): string | null => {
      if (key.kind !== 'user') return 'The console is called with the key of a person (user key).';
      return roleReaches(key.role, role)
        ? null
        : `This needs the role ${role}; the key has the role ${key.role ?? 'none'}. Use the key of someone who has it.`;
    };
    const byKey = this.check(refusal);
    return (request, reply, done) => {
      const { authorization, 'x-api-key': apiKey } = request.headers;
      // Whoever sends a key means it, whatever cookies come along.
      if (authorization !== undefined || apiKey !== undefined) return byKey(request, reply, done);
      try {
        const open = this.sessions.take(request);
        if (!open) return byKey(request, reply, done);
        request.accessKey = open.key;
        request.session = open.session;
        const reason = refusal(open.key);
        return reason === null ? done() : done(forbidden(reason));
      } catch (error) {
        if (error instanceof LabRelayError) return done(error);
        throw error;
      }
    };
  }

  /** Whether whoever was let in with this request, as a person, would be let in by now. */
  isAdmitted(request: FastifyRequest): boolean {
    if (request.session) return this.sessions.isOpen(request);
    const token = tokenOf(request.headers);
    return token !== null && this.configuration.accessKeyOf(token)?.kind === 'user';
  }

  /**
   * The person that a key belongs to which was typed at the console.
   * @param onRefused told of a try that is refused
   * @throws LabRelayError for a key that is none of a person's, or after too many tries
   */
  person(
    request: FastifyRequest,
    reply: FastifyReply,
    token: string,
    onRefused: () => void,
  ): AccessKey {
    const key = this.configuration.accessKeyOf(token);
    // Counted by what a key ends in as well: guesses at one key may come from many addresses.
    const subjects = [request.ip, `hint ${token.slice(-4)}`];
    const wait = Math.max(...subjects.map((subject) => this.guesses.waitOf(subject)));
    if (wait > 0 && !this.passes(key, request.ip)) {
      onRefused();
      throw tooMany(reply, wait);
    }
    if (key?.kind !== 'user') {
      for (const subject of subjects) this.guesses.failed(subject, token);
      onRefused();
      if (key) throw fieldError('FORBIDDEN', 'key', 'is no person’s; sign in with a user key');
      throw new LabRelayError('UNAUTHENTICATED', 'The key is not known or was revoked.', [
        {
          field: 'key',
          reason: 'is not known or was revoked; check that you have copied all of it',
        },
      ]);
    }
    this.guesses.succeeded(request.ip, key.accessKeyId);
    return key;
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

  /**
   * Whether a key is taken while guesses are refused. Made keys have 256 random bits: nobody comes to
   * one by guessing, so whoever has it is let in, and one program with wrong keys shuts out nobody. A
   * token that a person has chosen may be guessed; it passes where it has been taken before.
   */
  private passes(key: AccessKey | undefined, address: string): boolean {
    if (!key) return false;
    return !key.name.startsWith(CHOSEN_TOKEN) || this.guesses.isTrusted(address, key.accessKeyId);
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
    if (wait > 0 && !this.passes(key, address)) {
      return done(tooMany(reply, wait));
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

function tooMany(reply: FastifyReply, wait: number): LabRelayError {
  reply.header('retry-after', wait);
  return new LabRelayError(
    'RATE_LIMITED',
    `Too many wrong keys from this address. Try again in ${wait} s with the right one.`,
  );
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
