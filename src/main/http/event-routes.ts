import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { bulkRoute, consolidatedReports } from '../../shared/contract/bulk.ts';
import { type EventRoute, eventRoutes } from '../../shared/contract/events.ts';
import { fieldError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { BringingCall } from '../engine/intake/bringing-call.ts';
import { type BulkRouteParts, bulkRoutesOf, takeBatch } from './bulk-routes.ts';
import { limitByKey } from './rate-limits.ts';

/** The route that takes one report, or many. */
const REPORTS = '/report/submit/';

/** Who posts an event, as the key check found. */
export interface EventCaller {
  accessKeyId: number;
  /** Labs that the key may speak for; null: all. */
  labIds: number[] | null;
  idempotencyKey: string | null;
}

/** What the event routes need of the engine. */
export interface EventIntake {
  /**
   * Validates and commits one event; answers only once everything is on disk.
   * @param call kept with the event; null where calls are not captured
   * @throws LabRelayError for input that is refused; nothing is kept then.
   */
  accept(
    route: EventRoute,
    body: unknown,
    caller: EventCaller,
    call: BringingCall | null,
  ): Promise<{ status: number; body: JsonObject; repeated: boolean }>;
}

/**
 * The routes of the lab's business events. Intake validates the bodies, so they pass through here
 * as parsed; each request costs one key look-up, one rate count and one commit.
 */
export async function eventRoutesOf(
  scope: FastifyInstance,
  parts: BulkRouteParts & {
    intake: EventIntake;
    perMinute: () => number;
  },
): Promise<void> {
  await limitByKey(scope, parts.perMinute);
  // In a scope of its own for its parser, under the same limit.
  await scope.register((inner) => bulkRoutesOf(inner, parts));
  for (const route of Object.keys(eventRoutes) as EventRoute[]) {
    const { summary } = eventRoutes[route];
    scope.post(route, {
      schema: {
        operationId: operationIdOf(route),
        summary,
        tags: ['events'],
        security: [{ bearer: [] }, { api_key: [] }],
        ...documented(route),
      },
      config: { captured: true },
      // The schemas are for the document; intake parses, and the answer is what it committed.
      validatorCompiler: () => () => true,
      serializerCompiler: () => JSON.stringify,
      onRequest: parts.gate.event(route),
      handler: async (request, reply) => {
        if (route === REPORTS && isConsolidated(request.body)) {
          return takeReports(parts, request, reply, request.body);
        }
        const arrived = performance.now();
        try {
          const { body: given, call } = request;
          if (call) call.key = request.accessKey;
          const taken = await parts.intake.accept(route, given, callerOf(request), call);
          const seconds = (performance.now() - arrived) / 1000;
          parts.metrics.event(route, taken.repeated ? 'repeated' : 'accepted', seconds);
          if (taken.repeated) reply.header('idempotent-replayed', 'true');
          return reply.code(taken.status).send(taken.body);
        } catch (error) {
          parts.metrics.event(route, 'refused', 0);
          throw error;
        }
      },
    });
  }
}

/** What a route takes and answers, for the description of the API. */
function documented(route: EventRoute): { body: z.ZodType; response: Record<number, z.ZodType> } {
  const { body, status, answer } = eventRoutes[route];
  if (route !== REPORTS) return { body, response: { [status]: answer } };
  return {
    body: z.union([body, consolidatedReports]),
    response: { [status]: answer, 202: bulkRoute.answer },
  };
}

/** A body of many reports, which is a batch. */
function isConsolidated(body: unknown): body is JsonObject {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'reports');
}

/** Takes many reports as one batch; they have come whole. */
async function takeReports(
  parts: BulkRouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  { reports, ...envelope }: JsonObject,
): Promise<FastifyReply> {
  const taken = await takeBatch(parts, request, REPORTS, async (arrival) => {
    if (!Array.isArray(reports)) throw fieldError('INVALID_INPUT', 'reports', 'must be a list');
    for (const report of reports) {
      arrival.add(report, JSON.stringify(report));
      await arrival.room();
    }
    return envelope;
  });
  if (taken.repeated) reply.header('idempotent-replayed', 'true');
  return reply.code(202).send(taken.body);
}

/** Who posts, as the key check found. */
export function callerOf(request: FastifyRequest): EventCaller {
  const key = request.accessKey;
  // The key check ran before; without it this route would be open to anyone.
  if (!key) throw new Error('an event route was reached without its key check');
  return {
    accessKeyId: key.accessKeyId,
    labIds: key.labIds,
    idempotencyKey: idempotencyKeyOf(request),
  };
}

/** The `Idempotency-Key` header; printable ASCII so that it means the same everywhere. */
function idempotencyKeyOf(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  if (typeof given === 'string' && /^[\x21-\x7e]{1,255}$/.test(given)) return given;
  throw fieldError(
    'INVALID_INPUT',
    'Idempotency-Key',
    'must be one value of 1 to 255 printable ASCII characters without spaces',
  );
}

/** The name of a route's operation in the description of the API. */
export function operationIdOf(route: string): string {
  return `post_${route.split('/').filter(Boolean).join('_')}`;
}
