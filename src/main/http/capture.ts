import type { FastifyInstance, FastifyRequest, onSendHookHandler } from 'fastify';
import type { HeaderRecord } from '../../shared/model/delivery.ts';
import type { Arrival, CallAnswer, CallCapture } from '../engine/inbound/call-capture.ts';
import { type KeyCheck, tokenOf } from './keys.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The call as it is being captured; null on routes that are not. */
    call: CallCapture | null;
  }
  interface FastifyContextConfig {
    /** Third parties call this route: each of its calls becomes an INBOUND log. */
    captured?: boolean;
  }
}

/** What capture needs of the engine. */
export interface CallTaker {
  /** A call's head has arrived. */
  begin(arrival: Arrival): CallCapture;
  /**
   * Keeps a call that is about to be answered so, unless it is kept already; null: its caller is gone.
   * Never throws.
   */
  answered(call: CallCapture, answer: CallAnswer | null): Promise<void>;
}

/** Tells the caller under which `log_id` its call is found. */
export const LOG_ID_HEADER = 'labrelay-log-id';

/** Header fields of an answer that tell something of it. */
const KEPT_FIELDS = [
  'content-type',
  'retry-after',
  'www-authenticate',
  'location',
  'idempotent-replayed',
];

/**
 * Captures every call of the routes that are declared so (guide, `IntegrationDirectoryLogger`);
 * their handlers run unchanged. Register it before the routes.
 * @param calls null: none is captured
 */
export function captureCalls(app: FastifyInstance, calls: CallTaker | null): void {
  app.decorateRequest('call', null);
  if (!calls) return;

  const begin = (request: FastifyRequest): CallCapture => {
    const { headers, method, url, ip } = request;
    request.call = calls.begin({ ip, method, url, headers, token: tokenOf(headers) });
    return request.call;
  };
  const onArrival: KeyCheck = (request, _reply, done) => {
    begin(request);
    done();
  };
  // Whatever refuses a call, its answer comes through here: before it leaves, its log is on disk.
  const onAnswer: onSendHookHandler = (request, reply, payload, done) => {
    // Some refusals (a foreign host, a stop) come before the route's own hooks.
    const call = request.call ?? begin(request);
    const finish = () => {
      if (call.isKept) void reply.header(LOG_ID_HEADER, call.logId);
      done(null, payload);
    };
    if (call.isKept) return finish();
    call.key ??= request.accessKey;
    call.problem = request.problem;
    call.parsed = request.method === 'POST' ? request.body : request.query;
    // What was done is done, whether or not its caller hears of it.
    const isGone = reply.statusCode >= 400 && !request.raw.socket.writable;
    const answer = {
      status: reply.statusCode,
      headers: keptFields((name) => reply.getHeader(name)),
      body: typeof payload === 'string' ? payload : null,
    };
    void calls.answered(call, isGone ? null : answer).then(finish);
  };
  app.addHook('onRoute', (route) => {
    if (!route.config?.captured) return;
    route.onRequest = [onArrival, ...[route.onRequest ?? []].flat()];
    route.onSend = [...[route.onSend ?? []].flat(), onAnswer];
  });
}

function keptFields(get: (name: string) => unknown): HeaderRecord {
  const kept: HeaderRecord = {};
  for (const name of KEPT_FIELDS) {
    const value = get(name);
    if (typeof value === 'string' || typeof value === 'number') kept[name] = String(value);
  }
  return kept;
}
