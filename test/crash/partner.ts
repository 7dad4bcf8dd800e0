import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long a connection may idle (ms): beyond any test, so that only a crash ends one. */
const KEEP_ALIVE_MS = 600_000;

/** A third party that outlives the engine: takes every delivery and counts it by its `webhook-id`. */
export class Partner {
  readonly url: string;
  /** Whole requests by `webhook-id`. */
  readonly received = new Map<string, number>();
  /** Connections opened so far. */
  connections = 0;
  /** What it answers from now on to a delivery's first, second … request. */
  status: (times: number) => number;
  readonly #server: Server;
  #awaited: { count: number; resolve: () => void } | null = null;

  private constructor(server: Server, status: (times: number) => number) {
    this.status = status;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /**
   * @param latency milliseconds from a whole request to its answer, asked for each
   * @param status of the answer to a delivery's first, second … request
   */
  static async open(
    latency: () => number,
    status: (times: number) => number = () => 200,
  ): Promise<Partner> {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const partner = new Partner(server, status);
    server.on('connection', () => partner.connections++);
    server.on('request', (request, response) => {
      request.resume();
      // Never comes for a request that the engine's end cut off.
      request.on('end', () => {
        const id = String(request.headers['webhook-id']);
        const times = partner.times(id) + 1;
        partner.received.set(id, times);
        partner.#countDown();
        setTimeout(
          () => response.writeHead(partner.status(times)).end('{"taken":true}'),
          latency(),
        );
      });
    });
    return partner;
  }

  /** How often a delivery was received whole. */
  times(webhookId: string): number {
    return this.received.get(webhookId) ?? 0;
  }

  /** Resolves at the very moment at which so many more deliveries have been received. */
  nextReceived(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { count, resolve };
    return promise;
  }

  #countDown(): void {
    if (this.#awaited && --this.#awaited.count === 0) this.#awaited.resolve();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
