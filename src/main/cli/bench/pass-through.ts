import { createHash } from 'node:crypto';
import { DEFAULT_SETTINGS } from '../../../shared/model/configuration.ts';
import type { AccessKey } from '../../../shared/model/configuration.ts';
import type { ProcedureName } from '../../../shared/contract/index.ts';
import type { JsonObject } from '../../../shared/model/json.ts';
import type { Handlers } from '../../bridge/handler.ts';
import { HttpTransport } from '../../engine/dispatch/http-transport.ts';
import { newId } from '../../engine/intake/new-id.ts';
import { type HttpServer, openHttpServer } from '../../http/server.ts';
import { VERSION } from '../../version.ts';
import { serveLines } from './line-rpc.ts';

const KEY = 'lrk_in_pass-through';

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** The one key that the arm takes; checked as the engine checks its own, by hash. */
const LOADER: AccessKey = {
  accessKeyId: 1,
  kind: 'inbound',
  name: 'loader',
  role: null,
  labIds: null,
  routes: null,
  hash: hashOf(KEY),
  hint: '',
  createdAt: 0,
  revokedAt: null,
};

/**
 * The pass-through arm: the same server, route, key check and HTTP client as the engine's, but the
 * body is handed straight to the partner and nothing is kept. What LabRelay's keeping costs is
 * measured against it.
 */
export async function passThrough(): Promise<void> {
  const transport = new HttpTransport(Date.now, () => {});
  const limits = { connectTimeoutMs: 5_000, timeoutMs: 30_000, tls: null };
  let server: HttpServer | null = null;

  const unused = (): never => {
    throw new Error('the pass-through arm serves event routes only');
  };
  const open = async ({ endPoint }: { endPoint: string }) => {
    server = await openHttpServer({
      engine: {
        configuration: {
          accessKeyOf: (token) => (hashOf(token) === LOADER.hash ? LOADER : undefined),
          settings: { ...DEFAULT_SETTINGS, eventRateLimit: 60_000_000 },
        },
        intake: {
          accept: async (_route, body) => {
            const id = newId();
            const headers = { 'content-type': 'application/json', 'webhook-id': id };
            await transport.send(
              { method: 'POST', url: endPoint, headers, body: JSON.stringify(body) },
              limits,
            );
            const { bill_id: billId } = (body as { bill: { bill_id: string } }).bill;
            const answer: JsonObject = { bill_id: billId, event_id: id, log_ids: [id] };
            return { status: 201, body: answer, repeated: false };
          },
        },
        inbound: null,
        appointments: { list: unused },
        bulk: { receive: unused },
        callback: { handle: unused },
        legacyCallbacks: { take: unused },
        people: { find: unused, in: unused, out: unused, refused: unused },
        pushes: { subscribe: unused },
        health: unused,
        figures: unused,
      },
      handlers: {} as Handlers<ProcedureName>,
      policy: { listenHost: '127.0.0.1', publicUrl: null, allowHosts: [] },
      port: 0,
      tls: null,
      internalToken: 'unused',
      consoleFolder: '/nonexistent',
      version: VERSION,
      onFault: () => undefined,
    });
    return { url: `http://127.0.0.1:${server.port}`, key: KEY };
  };

  await serveLines({ open }, async () => {
    await server?.close();
    await transport.close();
  });
}
