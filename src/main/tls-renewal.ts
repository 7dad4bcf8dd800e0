import { X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { buildConnector, Agent } from 'undici';
import { toIso } from '../shared/contract/common.ts';
import type { AppLog } from './app-log.ts';
import type { HealthCheck } from './engine/health.ts';
import { readTlsFiles, type TlsFiles, type TlsPair } from './tls-files.ts';

/** How patient the watch is, in milliseconds. */
export interface TlsTimings {
  /** Files are read this long after the last word that something has changed. */
  settle: number;
  /** Files are read at least so often: not every file system tells of changes. */
  poll: number;
  /** A pair that cannot be used counts as refused after so long; until then it is half-written. */
  refuseAfter: number;
}

const TIMINGS: TlsTimings = { settle: 250, poll: 60_000, refuseAfter: 5_000 };

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Days before its end from which on a certificate is told of: renewals run a month before. */
const WARN_DAYS = 14;

/**
 * Serves renewed certificates without a restart. The files are watched, and read from time to time;
 * a new pair is taken once it is whole, matching and valid, and until then the old one stays. New
 * connections get the new certificate, those that are open go on with theirs.
 */
export class TlsRenewal {
  readonly #files: TlsFiles;
  readonly #log: AppLog;
  readonly #clock: () => number;
  readonly #timings: TlsTimings;
  #pair: TlsPair;
  /** Certificates that our own worker trusts: the one served, and the one before it, since a
   * connection may be under way. */
  #trusted: string[];
  /** The pair that was last found unusable, since when, and why. */
  #refused: { pair: string; since: number; reason: string; isTold: boolean } | null = null;
  #renew: (pair: TlsPair) => void = () => {};
  #watchers: FSWatcher[] = [];
  #poll: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #isExpiryTold = false;
  /** By which our own worker reaches our own server. */
  readonly agent: Agent;

  /** @throws Error naming the file that cannot be used */
  constructor(parts: {
    files: TlsFiles;
    log: AppLog;
    clock: () => number;
    timings?: Partial<TlsTimings> | undefined;
  }) {
    this.#files = parts.files;
    this.#log = parts.log;
    this.#clock = parts.clock;
    this.#timings = { ...TIMINGS, ...parts.timings };
    this.#pair = readTlsFiles(parts.files);
    this.#trusted = [this.#pair.cert];
    this.agent = new Agent({ connect: (options, done) => this.#connect(options, done) });
  }

  /** What is served now. */
  get pair(): TlsPair {
    return this.#pair;
  }

  /** @param renew gives the server a new pair */
  start(renew: (pair: TlsPair) => void): void {
    this.#renew = renew;
    // The folders, not the files: a renewal puts new files in their place.
    for (const folder of new Set([dirname(this.#files.cert), dirname(this.#files.key)])) {
      this.#watch(folder);
    }
    this.#poll = setInterval(() => this.check(), this.#timings.poll);
    this.#poll.unref();
    this.#tellExpiry();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    clearInterval(this.#poll);
    clearTimeout(this.#soon);
    await this.agent.close();
  }

  /** Reads the files and takes what is new and usable. Never throws. */
  check(): void {
    let pair: TlsPair | null = null;
    try {
      pair = readTlsFiles(this.#files);
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) {
        this.#refused = null;
        this.#tellExpiry();
        return;
      }
      const fault = this.#faultOf(pair);
      if (fault !== null) throw new Error(fault);
    } catch (error) {
      this.#refuse(pair, this.#withoutPaths(error));
      return;
    }
    this.#trusted = [pair.cert, this.#pair.cert];
    this.#pair = pair;
    this.#refused = null;
    this.#isExpiryTold = false;
    this.#renew(pair);
    this.#log.info('tls_renewed');
    this.#tellExpiry();
  }

  /** For health: whether the certificate that is served is good for a while, and a new one is not refused. */
  notices(): HealthCheck[] {
    const end = endOf(this.#pair);
    const detail = `the certificate is valid until ${toIso(end)}`;
    const refused = this.#refused;
    if (refused?.isTold) {
      const since = toIso(refused.since);
      return [
        {
          name: 'tls',
          ok: false,
          detail: `a new certificate is not taken since ${since}: ${refused.reason}; the old one is served, and ${detail}`,
        },
      ];
    }
    const ok = end - this.#clock() > WARN_DAYS * DAY_MS;
    return [
      { name: 'tls', ok, detail: ok ? detail : `${detail}; renew it, a restart is not needed` },
    ];
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#checkSoon());
      // E.g. the folder is gone: reading from time to time goes on.
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // No watching here (some network drives): reading from time to time goes on.
    }
  }

  #checkSoon(): void {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.check(), this.#timings.settle);
    this.#soon.unref();
  }

  /** Why a readable pair is not to be served; null: it is. */
  #faultOf(pair: TlsPair): string | null {
    const certificate = new X509Certificate(pair.cert);
    const now = this.#clock();
    if (certificate.validToDate.getTime() <= now) {
      return `--tls-cert: the new certificate has expired (${certificate.validTo})`;
    }
    // Clocks of lab machines and of authorities differ by minutes.
    if (certificate.validFromDate.getTime() > now + 5 * 60_000) {
      return `--tls-cert: the new certificate is valid only from ${certificate.validFrom} on; check the clock`;
    }
    return null;
  }

  /** Health is open to anyone: it need not tell where files lie. */
  #withoutPaths(error: unknown): string {
    const message = error instanceof Error ? error.message : 'unknown error';
    return message.replaceAll(this.#files.cert, 'file').replaceAll(this.#files.key, 'file');
  }

  #refuse(pair: TlsPair | null, reason: string): void {
    const now = this.#clock();
    const content = pair === null ? reason : pair.cert + pair.key;
    if (this.#refused?.pair !== content) {
      const { isTold = false } = this.#refused ?? {};
      this.#refused = { pair: content, since: now, reason, isTold };
    }
    this.#refused.reason = reason;
    if (now - this.#refused.since < this.#timings.refuseAfter) {
      // Probably half-written: looked at again soon, and not told yet.
      this.#checkSoon();
      return;
    }
    if (!this.#refused.isTold) this.#log.warn('tls_refused');
    this.#refused.isTold = true;
  }

  #tellExpiry(): void {
    if (this.#isExpiryTold || endOf(this.#pair) - this.#clock() > WARN_DAYS * DAY_MS) return;
    this.#isExpiryTold = true;
    this.#log.warn('tls_expiring');
  }

  /**
   * Reaches our own server by its loopback address. Its certificate is made out to another name and
   * often self-signed, so it is trusted for being the very one that we serve, not for its name.
   */
  #connect(options: buildConnector.Options, done: buildConnector.Callback): void {
    const connect = buildConnector({
      ca: this.#trusted,
      allowPartialTrustChain: true,
      checkServerIdentity: () => undefined,
    });
    connect(options, done);
  }
}

function endOf(pair: TlsPair): number {
  return new X509Certificate(pair.cert).validToDate.getTime();
}
