import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import type { Failpoint } from '../../../shared/failpoint.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import { TargetGuard } from '../targets/guard.ts';
import { guardedConnector } from './connector.ts';
import { httpFault } from './http-errors.ts';
import { maskHeaders } from './masking.ts';
import {
  failure,
  type Outcome,
  type PartnerRequest,
  type Transport,
  type TransportLimits,
} from './transport.ts';
import { UnusableTls } from './trust.ts';

/** How much of a partner's answer is kept (bytes); the rest is read and passed over. */
export const KEPT_RESPONSE_BYTES = 256 * 1024;

/** Pools kept open; a lab has a few dozen partners. */
const MAX_POOLS = 256;

/**
 * Sends over HTTP/1.1 on keep-alive pools, one an origin and setting of what may be connected to
 * and how. Redirects are not followed: a partner's 302 would carry a patient's data to an address
 * that nobody configured.
 */
export class HttpTransport implements Transport {
  readonly #pools = new Map<string, Pool>();
  readonly #clock: () => number;
  readonly #failpoint: Failpoint;
  readonly #targets: TargetGuard;

  /**
   * @param clock milliseconds from any start; only differences count
   * @param targets says whom a connection may be made to
   */
  constructor(clock: () => number, failpoint: Failpoint, targets = new TargetGuard()) {
    this.#clock = clock;
    this.#failpoint = failpoint;
    this.#targets = targets;
  }

  send(request: PartnerRequest, limits: TransportLimits): Promise<Outcome> {
    const started = this.#clock();
    const url = URL.parse(request.url);
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      const message = "The rule's end point is not an http or https URL.";
      return Promise.resolve(failure('CONFIGURATION', message, 0));
    }
    let pool: Pool;
    try {
      pool = this.#poolFor(url, limits);
    } catch (error) {
      if (!(error instanceof UnusableTls)) throw error;
      return Promise.resolve(failure('CONFIGURATION', error.message, 0));
    }
    return new Promise((resolve) => {
      const call = new Call(url.host, started, this.#clock, this.#failpoint, limits, resolve);
      try {
        pool.dispatch(
          {
            path: url.pathname + url.search,
            method: request.method,
            headers: request.headers,
            body: request.body,
            // The call's own timer covers these.
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          call,
        );
      } catch (error) {
        call.onResponseError(null, error);
      }
    });
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  #poolFor(url: URL, limits: TransportLimits): Pool {
    const key = poolKey(url, limits);
    let pool = this.#pools.get(key);
    if (!pool) {
      const policy = this.#targets.policy(limits.allowedTargets ?? null);
      pool = new Pool(url.origin, {
        // One request a connection and no HTTP/2: an answer then belongs to one attempt for sure.
        pipelining: 1,
        allowH2: false,
        connect: guardedConnector(url, policy, limits),
      });
      this.#pools.set(key, pool);
      if (this.#pools.size > MAX_POOLS) this.#closeOldest();
    }
    return pool;
  }

  #closeOldest(): void {
    const [oldest] = this.#pools;
    if (!oldest) return;
    this.#pools.delete(oldest[0]);
    // Graceful: calls under way finish. It cannot fail in a way that anyone could mend.
    oldest[1].close().catch(() => {});
  }
}

/** Calls share a connection only where everything that it was made by is the same. */
function poolKey({ origin }: URL, limits: TransportLimits): string {
  const { connectTimeoutMs, tls, allowedTargets, clientCertificate } = limits;
  const key = `${origin} ${connectTimeoutMs}`;
  if (!tls && !allowedTargets && !clientCertificate) return key;
  return JSON.stringify([key, tls, allowedTargets, clientCertificate?.id]);
}

/** One call under way: gathers the answer, keeps the time, and resolves exactly once. */
class Call implements Dispatcher.DispatchHandler {
  readonly #host: string;
  readonly #started: number;
  readonly #clock: () => number;
  readonly #failpoint: Failpoint;
  readonly #mayKeep: number;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #ended = false;
  #status: number | null = null;
  #headers: HeaderRecord | null = null;
  #charset: string | null = null;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #cut = false;

  constructor(
    host: string,
    started: number,
    clock: () => number,
    failpoint: Failpoint,
    { timeoutMs, keptResponseBytes = KEPT_RESPONSE_BYTES }: TransportLimits,
    resolve: (outcome: Outcome) => void,
  ) {
    this.#host = host;
    this.#started = started;
    this.#clock = clock;
    this.#failpoint = failpoint;
    this.#mayKeep = keptResponseBytes;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#timeOut(timeoutMs), timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) {
      // Timed out while it waited for a connection: undici writes nothing of an aborted request.
      controller.abort(new Error('timed out before it was sent'));
      return;
    }
    this.#controller = controller;
    // The connection is open; undici writes the request when this returns.
    this.#failpoint('before-bytes');
    setImmediate(() => this.#failpoint('after-bytes'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: IncomingHttpHeaders,
  ): void {
    // 1xx answers come before the real one.
    if (statusCode < 200) return;
    this.#failpoint('before-answer');
    this.#status = statusCode;
    this.#headers = responseHeaders(headers);
    this.#charset = /charset="?([\w-]+)/i.exec(this.#headers['content-type'] ?? '')?.[1] ?? null;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = this.#mayKeep - this.#kept;
    if (chunk.length > room) this.#cut = true;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#kept += kept.length;
  }

  onResponseEnd(): void {
    this.#end(null, null);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    const phase =
      this.#controller === null ? 'connecting' : this.#status === null ? 'sent' : 'answering';
    const { kind, message } = httpFault(error, this.#host, phase);
    this.#end(kind, message);
  }

  #timeOut(timeoutMs: number): void {
    if (this.#controller === null) {
      this.#end('TIMEOUT_BEFORE_SEND', `No connection became free within ${timeoutMs} ms.`);
      return;
    }
    this.#end(
      'TIMEOUT',
      `The partner did not answer within ${timeoutMs} ms; it may have the message.`,
    );
    // The socket is dropped: a late answer must not be taken for the next call's.
    this.#controller.abort(new Error('timed out'));
  }

  #end(errorKind: Outcome['errorKind'], errorMessage: string | null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#resolve({
      errorKind,
      errorMessage,
      responseStatusCode: this.#status,
      responseHeaders: this.#headers,
      responseBody: this.#status === null ? null : this.#text(),
      responseBodyCut: this.#cut,
      // Clocks are set back at times.
      responseTime: Math.max(0, Math.round(this.#clock() - this.#started)),
    });
  }

  #text(): string {
    const [only] = this.#chunks;
    const bytes = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
    if (this.#charset !== null && !/^utf-?8$/i.test(this.#charset)) {
      try {
        return new TextDecoder(this.#charset).decode(bytes);
      } catch (error) {
        // A charset that nobody knows: shown as UTF-8, as browsers do.
        if (!(error instanceof RangeError)) throw error;
      }
    }
    return bytes.toString('utf8');
  }
}

/** Header names come in lower case; credentials, cookies among them, are masked before they are kept. */
function responseHeaders(headers: IncomingHttpHeaders): HeaderRecord {
  const joined: HeaderRecord = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return maskHeaders(joined);
}
