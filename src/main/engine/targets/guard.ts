import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type PlainAddress, plainAddress } from './addresses.ts';
import { type AllowedTargets, allowedTargets } from './allowed.ts';
import { isLoopbackAddress, readingsOf, type RefusedKind, refusedKind } from './kinds.ts';

/** Where LabRelay itself takes requests. */
export interface OwnListener {
  port: number;
  /** The origin by which others reach it, e.g. through a proxy; null: none was given. */
  publicUrl: string | null;
}

/** As `dns.lookup` with `all`. */
type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** A target that nothing is sent to. The message names it and what to mend. */
export class TargetRefused extends Error {
  /** By it the error is known again after it went through other people's code. */
  readonly code = 'TARGET_REFUSED';
}

/**
 * Decides whom a connection out may be made to. Labs are local networks: loopback and private
 * addresses are allowed. Refused are our own listener, the kinds that no partner has, and what a
 * rule's allow-list leaves out. It is decided on the address that is connected to, at that moment,
 * so that no spelling and no DNS answer that changes can get around it.
 */
export class TargetGuard {
  readonly #own: () => OwnListener | null;
  readonly #resolve: Resolve;

  /**
   * @param parts `own`: our listener, null while there is none; `resolve`: another resolver than
   *   the system's
   */
  constructor(parts: { own?: () => OwnListener | null; resolve?: Resolve } = {}) {
    this.#own = parts.own ?? (() => null);
    this.#resolve = parts.resolve ?? systemLookup;
  }

  /** The policy of one rule. @param allowed its `allowed_targets`; null: no list is given */
  policy(allowed: readonly string[] | null): TargetPolicy {
    return new TargetPolicy(this.#own, this.#resolve, allowed && allowedTargets(allowed));
  }

  /**
   * Why a URL will be refused whatever a resolver says, for whoever saves it; null: that depends on
   * what its name resolves to, or it is allowed.
   */
  fault(url: string, allowed: readonly string[] | null): string | null {
    const parsed = URL.parse(url);
    if (!parsed) return null;
    const policy = this.policy(allowed);
    const port = portOf(parsed);
    const host = parsed.hostname;
    const literal = /(^|\.)localhost\.?$/.test(host) ? '127.0.0.1' : host;
    try {
      policy.checkName(host, port);
      if (plainAddress(literal)) policy.check(host, port, literal);
    } catch (error) {
      if (error instanceof TargetRefused) return error.message;
      throw error;
    }
    return null;
  }
}

/** A name with the dot of the root after it is the same name (RFC 3986, 3.2.2). */
function withoutDot(name: string): string {
  return name.replace(/\.$/, '');
}

/** The port that a URL's connection goes to. */
export function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/** Whom a rule may connect to. */
export class TargetPolicy {
  readonly #own: () => OwnListener | null;
  readonly #resolve: Resolve;
  readonly #allowed: AllowedTargets | null;

  constructor(own: () => OwnListener | null, resolve: Resolve, allowed: AllowedTargets | null) {
    this.#own = own;
    this.#resolve = resolve;
    this.#allowed = allowed;
  }

  /** Our own public name leads to us, whatever stands between. @throws TargetRefused */
  checkName(host: string, port: number): void {
    const { publicUrl } = this.#own() ?? {};
    const own = publicUrl ? new URL(publicUrl) : null;
    if (
      own &&
      withoutDot(own.hostname) === withoutDot(host.toLowerCase()) &&
      portOf(own) === port
    ) {
      throw new TargetRefused(ownListenerMessage(`${host}:${port}`));
    }
  }

  /**
   * @param host as it is configured: a name, or the address itself
   * @throws TargetRefused where no connection may be made to this address
   */
  check(host: string, port: number, address: string): void {
    const plain = plainAddress(address);
    if (!plain) throw new TargetRefused(`${host} resolved to ${address}, which is no address.`);
    const what = plain.text === bare(host) ? plain.text : `${bare(host)} (${plain.text})`;
    if (this.#isOwn(plain, port)) throw new TargetRefused(ownListenerMessage(`${what}:${port}`));
    const kind = refusedKind(plain);
    const isMeant = kind === 'link-local' && this.#allowed?.hasLinkLocal(plain) === true;
    if (kind !== null && !isMeant) throw new TargetRefused(kindMessage(what, kind));
    if (this.#allowed && !this.#allowed.has(bare(host), plain)) {
      throw new TargetRefused(
        `${what} is not among the rule's allowed_targets, so nothing is sent there. Add it there, or change the end point.`,
      );
    }
  }

  /** The addresses of a host that may be connected to. @throws TargetRefused if there is none */
  async addresses(host: string, port: number): Promise<LookupAddress[]> {
    const { promise, resolve, reject } = Promise.withResolvers<LookupAddress[]>();
    this.#look(host, port, { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    );
    return await promise;
  }

  /**
   * What a socket asks for the addresses of a name. It connects to what it is answered and asks
   * nobody again, so what was checked is what is connected to. A socket asks only for names: an
   * address must be checked before.
   */
  lookup(port: number): LookupFunction {
    return (host, options, done) => {
      this.#look(host, port, { ...options, all: true }, (error, addresses) => {
        const [first] = addresses;
        if (error) done(error, options.all ? [] : '');
        else if (options.all) done(null, addresses);
        else done(null, first?.address ?? '', first?.family);
      });
    };
  }

  #look(
    host: string,
    port: number,
    options: LookupOptions & { all: true },
    done: (error: Error | null, addresses: LookupAddress[]) => void,
  ): void {
    try {
      this.checkName(host, port);
    } catch (error) {
      process.nextTick(done, error, []);
      return;
    }
    this.#resolve(host, options, (error, found) => {
      if (error) {
        done(error, []);
        return;
      }
      let refusal: TargetRefused | null = null;
      const addresses = found.filter(({ address }) => {
        try {
          this.check(host, port, address);
          return true;
        } catch (fault) {
          if (!(fault instanceof TargetRefused)) throw fault;
          refusal ??= fault;
          return false;
        }
      });
      if (addresses.length > 0) done(null, addresses);
      else done(refusal ?? new TargetRefused(`${host} has no address.`), []);
    });
  }

  #isOwn(address: PlainAddress, port: number): boolean {
    if (this.#own()?.port !== port) return false;
    const own = new Set(machineAddresses());
    return readingsOf(address).some((one) => isLoopbackAddress(one) || own.has(one.text));
  }
}

/** Every address that this machine has just now; cables are plugged in and leases renewed. */
function machineAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ address }) => plainAddress(address)?.text ?? []);
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function ownListenerMessage(what: string): string {
  return `${what} is LabRelay's own listener, so nothing is sent there. Change the URL to the partner's.`;
}

function kindMessage(what: string, kind: RefusedKind): string {
  switch (kind) {
    case 'metadata':
      return `${what} is a cloud's metadata address, where LabRelay never sends. Change the URL to the partner's.`;
    case 'link-local':
      return `${what} is a link-local address, so nothing is sent there. Give the device a lasting address, or name this one in the rule's allowed_targets.`;
    case 'multicast':
    case 'broadcast':
      return `${what} is a ${kind} address, so nothing is sent there. Change the URL to the partner's own.`;
    case 'unspecified':
      return `${what} stands for no machine in particular, so nothing is sent there. Change the URL to the partner's address.`;
  }
}
