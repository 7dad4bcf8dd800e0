import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JsonObject, isJsonObject } from '../../../shared/model/json.ts';
import { Behaviours } from './partner-behaviours.ts';
import {
  type ConfirmationTold,
  type Introduction,
  type NoteTold,
  PartnerCalls,
} from './partner-calls.ts';
import { makeCredentials, type PartnerCredentials, refusal } from './partner-guards.ts';
import { type Answer, PARTNER_ROUTES, type PartnerPath, type Route } from './partner-routes.ts';

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
  /** Requests for one log, where there was more than one. */
  repeats: Record<string, number>;
  /** Statuses answered where answers depend on what came before, by the key of what was sent. */
  answers: Record<string, number[]>;
  /** Its own calls into the lab, in the order of their answers. */
  confirmations: readonly ConfirmationTold[];
  /** Its reports in the older way. */
  notes: readonly NoteTold[];
  /** Calls of its own that are not answered yet. */
  calls_under_way: number;
}

/** Path at which the demo asks what was seen; no delivery goes there. */
export const SEEN_PATH = '/seen';

/** Path at which the demo tells it where LabRelay is, and its key. */
export const INTRODUCTION_PATH = '/introduction';

/** Path at which it is told that its table of test codes is there again. */
export const MEND_PATH = '/mend';

/** A body longer than this is no delivery of the demo's. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The simulated third party: answers as its routes say and counts what it saw. */
export interface Partner {
  greeting: PartnerGreeting;
  seen(): PartnerSeen;
  close(): Promise<void>;
}

/** Starts the partner on a free loopback port. */
export async function startPartner(): Promise<Partner> {
  const credentials = makeCredentials();
  const byLog = new Map<string, number>();
  const byPath = new Map<string, number>();
  const counts = { requests: 0, turnedAway: 0, verified: 0 };
  const calls = new PartnerCalls();
  const behaviours = new Behaviours();

  const seen = (): PartnerSeen => ({
    requests: counts.requests,
    log_ids: [...byLog.keys()],
    turned_away: counts.turnedAway,
    signatures_verified: counts.verified,
    by_path: Object.fromEntries(byPath),
    repeats: Object.fromEntries([...byLog].filter(([, count]) => count > 1)),
    answers: behaviours.answers,
    confirmations: calls.told,
    notes: calls.notes,
    calls_under_way: calls.underWay,
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    if (body === null) return answer(response, { status: 413 });
    const path = new URL(request.url ?? '/', 'http://partner').pathname;
    if (path === SEEN_PATH) return answer(response, { status: 200, body: seen() });
    if (path === INTRODUCTION_PATH) {
      calls.introduce(JSON.parse(body.toString('utf8')) as Introduction);
      return answer(response, { status: 204 });
    }
    if (path === MEND_PATH) {
      behaviours.mend();
      return answer(response, { status: 204 });
    }

    counts.requests += 1;
    byPath.set(path, (byPath.get(path) ?? 0) + 1);
    const logId = logIdOf(request, body);
    if (logId !== null) byLog.set(logId, (byLog.get(logId) ?? 0) + 1);

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
    // Before the answer, so that whoever sees it delivered sees the call that follows from it.
    if (route.isHeard) calls.hear(objectIn(body));
    if (route.answer === 'never') return;
    if (typeof route.answer !== 'string') return answer(response, route.answer);
    const key = String(request.headers['webhook-id']);
    const scripted = behaviours.answer(route.answer, key, objectIn(body));
    if (scripted) answer(response, scripted);
    else response.destroy();
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
    close: async () => {
      await closeServer(server);
      await calls.close();
    },
  };
}

/** The `log_id` that a delivery carries; a later revision's key (`…_r2`) names its log too. */
function logIdOf(request: IncomingMessage, body: Buffer): string | null {
  const header = request.headers['webhook-id'];
  if (typeof header === 'string') return header.replace(/_r\d+$/, '');
  const { log_id: logId } = objectIn(body);
  return typeof logId === 'string' ? logId : null;
}

/** A body's JSON object; empty where it is none: a third party would find nothing in it either. */
function objectIn(body: Buffer): JsonObject {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isJsonObject(parsed) ? parsed : {};
  } catch {
    return {};
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
