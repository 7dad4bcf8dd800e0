import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bulkRoute } from '../../shared/contract/bulk.ts';
import { LabRelayError } from '../../shared/errors.ts';
import type { BulkRoute } from '../../shared/model/batch.ts';
import type { JsonObject, JsonValue } from '../../shared/model/json.ts';
import type { BringingCall } from '../engine/intake/bringing-call.ts';
import { BulkBody } from './bulk-body.ts';
import { callerOf, type EventCaller, operationIdOf } from './event-routes.ts';
import type { KeyGate } from './keys.ts';
import type { RouteMetrics } from './metrics.ts';

/** Bytes that a bulk call may have. */
const BODY_LIMIT = 50 * 1024 * 1024;

const ROUTE = '/integrationWebhookBulkAPI/';

/** One batch as it arrives. */
export interface BulkArrival {
  /** Takes the next record. @param text its JSON. @throws LabRelayError */
  add(record: JsonValue, text: string): void;
  /** Resolves when there is room for more. @throws what kept records from being kept */
  room(): Promise<void>;
  /** Ends the batch. @returns its answer, once all of it is on disk. @throws LabRelayError */
  finish(envelope: JsonObject): Promise<{ body: JsonObject; repeated: boolean }>;
  /** Gives it up: nothing of it stays. */
  drop(): Promise<void>;
}

/** What the bulk routes need of the engine. */
export interface BulkTaker {
  receive(call: {
    route: BulkRoute;
    caller: EventCaller;
    /** What brings it, kept with it; null where calls are not captured. */
    call: BringingCall | null;
  }): BulkArrival;
}

export interface BulkRouteParts {
  bulk: BulkTaker;
  gate: KeyGate;
  metrics: RouteMetrics;
}

/** The route of many records in one call, whose body is read as a stream and never held whole. */
export async function bulkRoutesOf(scope: FastifyInstance, parts: BulkRouteParts): Promise<void> {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', (_request, stream, done) => done(null, stream));
  scope.post(ROUTE, {
    bodyLimit: BODY_LIMIT,
    schema: {
      operationId: operationIdOf(ROUTE),
      summary: bulkRoute.summary,
      tags: ['events'],
      security: [{ bearer: [] }, { api_key: [] }],
      body: bulkRoute.body,
      response: { 202: bulkRoute.answer },
    },
    // The schemas are for the document.
    validatorCompiler: () => () => true,
    serializerCompiler: () => JSON.stringify,
    config: { captured: true },
    onRequest: parts.gate.event(ROUTE),
    handler: async (request, reply) => {
      const taken = await takeBatch(parts, request, ROUTE, (arrival) => readBody(request, arrival));
      if (taken.repeated) reply.header('idempotent-replayed', 'true');
      return reply.code(202).send(taken.body);
    },
  });
}

/**
 * Takes one batch.
 * @param fill gives its records to the arrival and answers its envelope
 */
export async function takeBatch(
  { bulk, metrics }: Pick<BulkRouteParts, 'bulk' | 'metrics'>,
  request: FastifyRequest,
  route: BulkRoute,
  fill: (arrival: BulkArrival) => Promise<JsonObject>,
): Promise<{ body: JsonObject; repeated: boolean }> {
  try {
    const { call } = request;
    if (call) call.key = request.accessKey;
    const arrival = bulk.receive({ route, caller: callerOf(request), call });
    try {
      const taken = await arrival.finish(await fill(arrival));
      metrics.batch(route, taken.repeated ? 'repeated' : 'accepted', taken.body);
      return taken;
    } catch (error) {
      await arrival.drop();
      throw error;
    }
  } catch (error) {
    metrics.batch(route, 'refused', {});
    throw error;
  }
}

/** @throws LabRelayError for what is refused, and what a broken connection throws */
async function readBody(request: FastifyRequest, arrival: BulkArrival): Promise<JsonObject> {
  const { raw } = request;
  const body = new BulkBody(
    'records',
    ['lab_id', 'action_category', 'priority', 'deliver_by'],
    (record, text) => arrival.add(record, text),
  );
  let bytes = 0;
  try {
    // A refusal must be answered, so the connection stays.
    for await (const chunk of raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      request.call?.body.receive(chunk);
      bytes += chunk.length;
      if (bytes > BODY_LIMIT) throw tooLarge();
      body.write(chunk);
      await arrival.room();
    }
    if (!raw.complete) throw brokenOff();
    request.call?.body.end();
    return body.end();
  } catch (error) {
    discard(raw);
    throw error;
  }
}

/** What is left of a refused body is read and thrown away, so that its client reads the answer. */
function discard(raw: IncomingMessage): void {
  raw.on('error', () => {});
  raw.resume();
}

function tooLarge(): LabRelayError {
  return new LabRelayError(
    'BODY_TOO_LARGE',
    `The body is larger than the limit of 50 MiB (${BODY_LIMIT} bytes). Send less in one call.`,
    [{ field: '', reason: `must be at most ${BODY_LIMIT} bytes` }],
  );
}

function brokenOff(): LabRelayError {
  return new LabRelayError(
    'MALFORMED_REQUEST',
    'The connection broke before the body was complete.',
  );
}
