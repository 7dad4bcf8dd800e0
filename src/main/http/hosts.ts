import type { FastifyInstance } from 'fastify';
import { LabRelayError } from '../../shared/errors.ts';

/** Names by which a program on this machine reaches a loopback listener. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'] as const;

/** Which names this server answers to. */
export interface HostPolicy {
  /** The address it was told to listen on, e.g. `127.0.0.1` or `0.0.0.0`. */
  listenHost: string;
  /** Further names that people or proxies reach it by, with or without a port. */
  allowHosts: readonly string[];
  /** Where it is reached from outside, if that differs. */
  publicUrl: string | null;
}

/** The parts of one request that the decision rests on. */
export interface Asked {
  /** The `Host` header. */
  host: string | undefined;
  /** The `Origin` header; browsers send it with every cross-origin and every POST request. */
  origin: string | undefined;
  /** The address of this machine on which the connection came in. */
  localAddress: string | undefined;
}

interface Authority {
  name: string;
  /** Empty where none was given. */
  port: string;
}

/**
 * Splits `name:port` or `[v6]:port` (RFC 3986 §3.2); null for anything else. Written by hand, since
 * `new URL` also takes user names, paths and odd spellings of addresses, none of which a `Host`
 * header may have.
 */
function parseAuthority(text: string): Authority | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const name = match?.[1] ?? match?.[2];
  if (!match || name === undefined) return null;
  return { name: name.toLowerCase().replace(/\.$/, ''), port: match[3] ?? '' };
}

/** `::ffff:192.0.2.1`, as a dual-stack socket tells its own address, and `192.0.2.1` are one. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '').toLowerCase();
}

/** Decides which requests are meant for this server; build it once with {@link hostCheck}. */
export type HostCheck = (asked: Asked) => 'FOREIGN_HOST' | 'FOREIGN_ORIGIN' | null;

/**
 * Builds the check against DNS rebinding and against foreign pages (design rule 10).
 *
 * A name is ours if it is a loopback name, the listening address, the very address that the
 * connection came in on (an IP literal cannot be rebound), or was allowed on purpose. An origin is
 * ours if its name is, and it has the port that the request itself was made to; the public URL and
 * allowed hosts count as they were given. `Origin: null` is what sandboxed and file pages send.
 */
export function hostCheck(policy: HostPolicy): HostCheck {
  const names = new Set<string>(LOOPBACK_NAMES);
  const authorities = new Set<string>();
  const listening = parseAuthority(
    policy.listenHost.includes(':') ? `[${policy.listenHost}]` : policy.listenHost,
  );
  if (listening) names.add(listening.name);
  const publicUrl = policy.publicUrl === null ? null : new URL(policy.publicUrl);
  if (publicUrl) names.add(publicUrl.hostname.replace(/^\[|\]$/g, '').toLowerCase());
  const anyPort = new Set<string>();
  for (const allowed of policy.allowHosts) {
    const authority = parseAuthority(allowed);
    if (!authority) continue;
    if (authority.port === '') anyPort.add(authority.name);
    else authorities.add(`${authority.name}:${authority.port}`);
  }

  const isOurs = (asked: Authority, localAddress: string | undefined): boolean =>
    names.has(asked.name) ||
    anyPort.has(asked.name) ||
    authorities.has(`${asked.name}:${asked.port}`) ||
    asked.name === plainAddress(localAddress);

  return ({ host, origin, localAddress }) => {
    const asked = host === undefined ? null : parseAuthority(host);
    if (!asked || !isOurs(asked, localAddress)) return 'FOREIGN_HOST';
    if (origin === undefined) return null;

    const match = /^(https?):\/\/(.+)$/.exec(origin);
    const from = match?.[2] === undefined ? null : parseAuthority(match[2]);
    if (!match || !from) return 'FOREIGN_ORIGIN';
    if (publicUrl && origin.toLowerCase() === publicUrl.origin) return null;
    if (anyPort.has(from.name) || authorities.has(`${from.name}:${from.port}`)) return null;
    const scheme = match[1] ?? 'http';
    const samePort = effectivePort(from, scheme) === effectivePort(asked, scheme);
    return samePort && isOurs(from, localAddress) ? null : 'FOREIGN_ORIGIN';
  };
}

function effectivePort(authority: Authority, scheme: string): string {
  return authority.port || (scheme === 'https' ? '443' : '80');
}

/** Applies the check to every request, unknown routes included, before anything else is done. */
export function refuseForeignHosts(app: FastifyInstance, check: HostCheck): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const refusal = check({
      host: request.headers.host,
      origin: request.headers.origin,
      localAddress: request.socket.localAddress,
    });
    if (refusal === null) done();
    else done(hostError(refusal));
  });
}

function hostError(code: 'FOREIGN_HOST' | 'FOREIGN_ORIGIN'): LabRelayError {
  return code === 'FOREIGN_HOST'
    ? new LabRelayError(
        code,
        'LabRelay does not answer to the name in the Host header. Use its own address, or start it with --allow-host NAME or --public-url URL.',
        [{ field: 'Host', reason: 'use an allowed name; --allow-host adds one' }],
      )
    : new LabRelayError(
        code,
        'Pages of other sites may not call LabRelay. Open its own console, or start it with --allow-host NAME for a page that may.',
        [{ field: 'Origin', reason: 'must be an address of LabRelay itself' }],
      );
}
