import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveLines } from './line-rpc.ts';

const ANSWER = Buffer.from('{"received":true}');

/**
 * The benchmark's receiver: takes every POST, counts the distinct `webhook-id`s, answers 200. Plain
 * node:http, so that it costs the same in every arm.
 */
export async function receiver(): Promise<void> {
  let ids = new Set<string>();
  let requests = 0;
  let waiting: { count: number; resolve: () => void } | null = null;
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      requests++;
      const id = request.headers['webhook-id'];
      if (typeof id === 'string') ids.add(id);
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': ANSWER.length,
      });
      response.end(ANSWER);
      if (waiting && ids.size >= waiting.count) {
        waiting.resolve();
        waiting = null;
      }
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  await serveLines(
    {
      port: () => port,
      reset: () => {
        ids = new Set();
        requests = 0;
      },
      /** Resolves when so many distinct ids have come. */
      wait: async ({ count }: { count: number }) => {
        if (ids.size < count) {
          await new Promise<void>((resolve) => {
            waiting = { count, resolve };
          });
        }
        return { requests, unique: ids.size };
      },
    },
    async () => {
      server.closeAllConnections();
      server.close();
    },
  );
}
