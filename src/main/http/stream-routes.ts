import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Push, pushes } from '../../shared/contract/pushes.ts';
import { LabRelayError } from '../../shared/errors.ts';
import type { PushSource, Subscription } from '../bridge/pushes/push-hub.ts';
import type { KeyGate } from './keys.ts';
import { limitByKey } from './rate-limits.ts';

export const STREAM_PATH = '/api/v1/stream';

/** Streams that one key may have open: every window of the console has one. */
export const STREAMS_A_KEY = 20;
/** Streams a minute that one key may open. */
const OPENED_A_MINUTE = 300;
/** How long a browser waits before it comes back (ms). */
const RETRY_MS = 2_000;
/** Something is sent at least so often (ms), so that nobody in between takes it for dead. */
const HEARTBEAT_MS = 15_000;
/** How often it is looked whether keys and sessions still hold (ms). */
const CHECK_MS = 1_000;
/** A peer that takes nothing for so long is gone (ms). */
const STUCK_MS = 60_000;

const LAST_ID = 'last-event-id';

const query = z.object({
  last_event_id: z
    .string()
    .max(100)
    .optional()
    .describe('As the header Last-Event-ID, for browsers that open a stream anew'),
});

const documentation = z
  .union(Object.entries(pushes).map(([event, data]) => z.object({ event: z.literal(event), data })))
  .describe('An event of the stream: its name, and its data as JSON');

interface Stream {
  response: ServerResponse;
  /** Whose it is. */
  accessKeyId: number;
  isAdmitted: () => boolean;
  subscription: Subscription | null;
  /** Since when it takes nothing (epoch ms); null: it does. */
  stuckSince: number | null;
  heardAt: number;
}

/** Live updates by server-sent events (WHATWG HTML §9.2). */
export async function streamRoutes(
  scope: FastifyInstance,
  parts: { pushes: PushSource; gate: KeyGate },
): Promise<void> {
  await limitByKey(scope, () => OPENED_A_MINUTE);
  const streams = new Set<Stream>();
  const watch = setInterval(() => {
    for (const stream of streams) look(stream);
  }, CHECK_MS);
  watch.unref();
  // Before the server waits for requests under way: a stream never ends by itself.
  scope.addHook('preClose', (done) => {
    clearInterval(watch);
    for (const stream of streams) end(stream);
    done();
  });

  scope.withTypeProvider<ZodTypeProvider>().get(STREAM_PATH, {
    config: { unattended: true },
    schema: {
      operationId: 'get_stream',
      summary: 'Live updates as server-sent events; after an interruption none is missed',
      description:
        `Needs a user key, or a session signed in with one. Events: ${Object.keys(pushes).join(', ')}. ` +
        'With Last-Event-ID (or last_event_id) what was missed is told, or Reset where that is not known any more. ' +
        `Changes are told a moment after their commit, each once as it stands then. At most ${STREAMS_A_KEY} streams a key.`,
      tags: ['console'],
      security: [{ bearer: [] }, { api_key: [] }, { session: [] }],
      querystring: query,
      produces: ['text/event-stream'],
      response: { 200: documentation },
    },
    onRequest: parts.gate.procedure('viewer'),
    handler: (request, reply) => {
      const accessKeyId = request.accessKey?.accessKeyId;
      // The key check ran before; without it this route would be open to anyone.
      if (accessKeyId === undefined)
        throw new Error('the stream was reached without its key check');
      refuseTooMany(streams, accessKeyId);
      const response = begin(reply);
      const stream: Stream = {
        response,
        accessKeyId,
        isAdmitted: () => parts.gate.isAdmitted(request),
        subscription: null,
        stuckSince: null,
        heardAt: Date.now(),
      };
      streams.add(stream);
      response.on('close', () => {
        streams.delete(stream);
        stream.subscription?.end();
      });
      response.on('drain', () => {
        stream.stuckSince = null;
        stream.subscription?.resume();
      });
      stream.subscription = parts.pushes.subscribe(
        { send: (told, id) => send(stream, told, id) },
        lastIdOf(request, request.query),
      );
    },
  });
}

function refuseTooMany(streams: ReadonlySet<Stream>, accessKeyId: number): void {
  const own = [...streams].filter((stream) => stream.accessKeyId === accessKeyId);
  if (own.length < STREAMS_A_KEY) return;
  throw new LabRelayError(
    'RATE_LIMITED',
    `This key has ${STREAMS_A_KEY} streams open, which is as many as it may. Close a window of the console, or end another program’s stream.`,
  );
}

/** Answers with a head and leaves the body open; Fastify has no more to do with it. */
function begin(reply: FastifyReply): ServerResponse {
  reply.hijack();
  const response = reply.raw;
  // Set by the hooks before: the security headers.
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // A proxy that gathers what it passes on would hold it back.
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  return response;
}

function lastIdOf(request: FastifyRequest, given: z.output<typeof query>): string | null {
  const header = request.headers[LAST_ID];
  // A browser repeats the address that it was opened with: what it has heard since counts.
  return (typeof header === 'string' && header) || (given.last_event_id ?? null);
}

/** @returns false: it takes no more for now */
function send(stream: Stream, told: readonly Push[], id: string): boolean {
  const { response } = stream;
  if (response.writableEnded) return false;
  // Whoever may not know any more is told nothing more, however recently it was looked.
  if (!stream.isAdmitted()) {
    end(stream);
    return false;
  }
  const events = told.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n`);
  // The id goes with the last event: only then have all of them arrived. By itself it is no event.
  const takesMore = response.write(`${events.join('\n')}id: ${id}\n\n`);
  stream.heardAt = Date.now();
  if (!takesMore) stream.stuckSince = stream.heardAt;
  return takesMore;
}

function look(stream: Stream): void {
  const { response, stuckSince, heardAt } = stream;
  if (response.writableEnded) return;
  const now = Date.now();
  if (!stream.isAdmitted()) end(stream);
  else if (stuckSince !== null) {
    if (now - stuckSince > STUCK_MS) response.destroy();
  } else if (now - heardAt >= HEARTBEAT_MS) {
    stream.heardAt = now;
    if (!response.write(': \n\n')) stream.stuckSince = now;
  }
}

function end({ response, subscription, stuckSince }: Stream): void {
  subscription?.end();
  // What waits for a peer that takes nothing would keep the connection open.
  if (stuckSince === null) response.end();
  else response.destroy();
}
