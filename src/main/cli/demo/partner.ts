import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Guard, makeCredentials, type PartnerCredentials, refusal } from './partner-guards.ts';

/** First line that the partner's process prints: where it listens and what it wants shown. */
export interface PartnerGreeting {
  url: string;
  credentials: PartnerCredentials;
}

/** What the partner's process saw, by its own count. */
export interface PartnerSeen {
  /** Deliveries received whole, whatever they were answered. */
  requests: number;
  /** Distinct log ids among them: `webhook-id`, or the body's `log_id` where no header names one. */
  log_ids: string[];
  /** Calls answered 401. */
  turned_away: number;
  /** Calls whose signature was verified. */
  signatures_verified: number;
  by_path: Record<string, number>;
}

/** Path at which the demo asks what was seen; no delivery goes there. */
export const SEEN_PATH = '/seen';

/** A body longer than this is no delivery of the demo's. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

interface Answer {
  status: number;
  body?: object;
  headers?: Record<string, string>;
}

interface Route {
  method: string;
  guard: Guard;
  /** `never`: the call is taken and not answered. */
  answer: Answer | 'never';
}

/** One route per way in which third parties are known to answer. */
export const PARTNER_ROUTES = {
  '/ledger/bills': {
    method: 'POST',
    guard: 'basic',
    answer: { status: 200, body: { booked: true } },
  },
  '/ledger/bills/changed': {
    method: 'PUT',
    guard: 'basic',
    answer: { status: 200, body: { booked: true } },
  },
  '/ledger/bills/cancelled': { method: 'DELETE', guard: 'basic', answer: { status: 204 } },
  '/warehouse/bills': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 201, body: { stored: true } },
  },
  '/insurer/claims': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 202, body: { claim: 'received' } },
  },
  '/visits': { method: 'POST', guard: 'none', answer: { status: 200, body: { planned: true } } },
  '/bank/payments': {
    method: 'POST',
    guard: 'signature',
    answer: { status: 200, body: { receipt: 'ok' } },
  },
  '/registry/patients': {
    method: 'POST',
    guard: 'bearer',
    answer: { status: 201, body: { registered: true } },
  },
  '/registry/patients/changed': {
    method: 'PATCH',
    guard: 'none',
    answer: { status: 200, body: { updated: true } },
  },
  '/worklist/samples': {
    method: 'POST',
    guard: 'api_key',
    answer: { status: 200, body: { queued: 'analyser' } },
  },
  '/worklist/rejections': {
    method: 'POST',
    guard: 'none',
    answer: { status: 422, body: { message: 'rejection code is not known here' } },
  },
  '/dashboard/preliminary': {
    method: 'POST',
    guard: 'none',
    answer: { status: 209, body: { noted: true } },
  },
  '/dashboard/quiet': {
    method: 'POST',
    guard: 'none',
    answer: { status: 200, body: { message: '#NOTFORDASHBOARD' } },
  },
  '/physician/portal': {
    method: 'POST',
    guard: 'signature',
    answer: { status: 200, body: { filed: true } },
  },
  '/clinic/reports': { method: 'POST', guard: 'none', answer: { status: 200 } },
  '/archive/reports': {
    method: 'POST',
    guard: 'none',
    answer: { status: 500, body: { message: 'archive failed' } },
  },
  '/state/registry': {
    method: 'POST',
    guard: 'none',
    answer: {
      status: 503,
      body: { message: 'under maintenance' },
      headers: { 'retry-after': '3600' },
    },
  },
  '/slow/reports': { method: 'POST', guard: 'none', answer: 'never' },
} as const satisfies Record<string, Route>;

export type PartnerPath = keyof typeof PARTNER_ROUTES;

/** The simulated third party: answers as its routes say and counts what it saw. */
export interface Partner {
  greeting: PartnerGreeting;
  seen(): PartnerSeen;
  close(): Promise<void>;
}

/** Starts the partner on a free loopback port. */
export async function startPartner(): Promise<Partner> {
  const credentials = makeCredentials();
  const logIds = new Set<string>();
  const byPath = new Map<string, number>();
  const counts = { requests: 0, turnedAway: 0, verified: 0 };

  const seen = (): PartnerSeen => ({
    requests: counts.requests,
    log_ids: [...logIds],
    turned_away: counts.turnedAway,
    signatures_verified: counts.verified,
    by_path: Object.fromEntries(byPath),
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    if (body === null) return answer(response, { status: 413 });
    const path = new URL(request.url ?? '/', 'http://partner').pathname;
    if (path === SEEN_PATH) return answer(response, { status: 200, body: seen() });

    counts.requests += 1;
    byPath.set(path, (byPath.get(path) ?? 0) + 1);
    const logId = logIdOf(request, body);
    if (logId !== null) logIds.add(logId);

    const route: Route | undefined = Object.hasOwn(PARTNER_ROUTES, path)
      ? PARTNER_ROUTES[path as PartnerPath]
      : undefined;
    if (!route) return answer(response, { status: 404, body: { message: 'no such route' } });
    if (route.method !== request.method) return answer(response, { status: 405 });
    const refused = refusal(route.guard, request.headers, body, credentials, Date.now());
    if (refused !== null) {
      counts.turnedAway += 1;
      return answer(response, { status: 401, body: { message: refused } });
    }
    if (route.guard === 'signature') counts.verified += 1;
    if (route.answer !== 'never') answer(response, route.answer);
  };

  const server = createServer((request, response) => {
    // Only a connection broken by the caller can fail here; it is not waiting for an answer.
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    greeting: { url: `http://127.0.0.1:${port}`, credentials },
    seen,
    close: () => closeServer(server),
  };
}

/** The `log_id` that a delivery carries; a later revision's key (`…_r2`) names its log too. */
function logIdOf(request: IncomingMessage, body: Buffer): string | null {
  const header = request.headers['webhook-id'];
  if (typeof header === 'string') return header.replace(/_r\d+$/, '');
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    const logId = (parsed as { log_id?: unknown } | null)?.log_id;
    return typeof logId === 'string' ? logId : null;
  } catch {
    // Not JSON: a third party would not find an id in it either.
    return null;
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
    ...headers,
  });
  response.end(text);
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
