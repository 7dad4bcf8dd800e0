import { hash } from 'node:crypto';

/** Failed tries of one address. */
interface Tries {
  /** Short hashes of the distinct wrong keys; never more than the limit. */
  keys: Set<string>;
  /** When the window began (ms of the given clock). */
  since: number;
}

/** How many addresses are remembered; beyond, the longest known is forgotten. */
const REMEMBERED = 10_000;

/**
 * Slows down guessing at keys. An address that has tried too many wrong keys within a minute is
 * refused without a look at its key, unless that very key has been taken from that address before.
 * What counts is how many keys were tried, not how often: on a lab's server everything shares the
 * loopback address, and one program that repeats its revoked key must not shut out the others.
 */
export class GuessLimiter {
  private readonly limit: number;
  private readonly windowMs: number;
  private readonly now: () => number;
  private readonly tries = new Map<string, Tries>();
  private readonly trusted = new Map<string, Set<number>>();

  /** @param options `limit` distinct wrong keys per `windowMs` and address; `now` in milliseconds. */
  constructor(options: { limit: number; windowMs: number; now?: () => number }) {
    this.limit = options.limit;
    this.windowMs = options.windowMs;
    this.now = options.now ?? Date.now;
  }

  /** Seconds for which the address has to wait; 0 where it need not. */
  waitOf(address: string): number {
    const tries = this.tries.get(address);
    if (!tries || tries.keys.size < this.limit) return 0;
    const left = tries.since + this.windowMs - this.now();
    if (left > 0) return Math.ceil(left / 1000);
    this.tries.delete(address);
    return 0;
  }

  /** @param key what was sent for a key; empty where there was none */
  failed(address: string, key: string): void {
    const known = hash('sha256', key, 'base64url').slice(0, 12);
    const tries = this.tries.get(address);
    if (tries && tries.since + this.windowMs > this.now()) {
      if (tries.keys.size < this.limit) tries.keys.add(known);
      return;
    }
    this.tries.delete(address);
    forgetOldest(this.tries);
    this.tries.set(address, { keys: new Set([known]), since: this.now() });
  }

  /** Whether this key has been taken from this address since the start. */
  isTrusted(address: string, accessKeyId: number): boolean {
    return this.trusted.get(address)?.has(accessKeyId) === true;
  }

  succeeded(address: string, accessKeyId: number): void {
    const known = this.trusted.get(address);
    if (known) {
      known.add(accessKeyId);
      return;
    }
    forgetOldest(this.trusted);
    this.trusted.set(address, new Set([accessKeyId]));
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < REMEMBERED) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
