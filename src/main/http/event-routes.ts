import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type EventRoute, eventRoutes } from '../../shared/contract/events.ts';
import { fieldError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { BringingCall } from '../engine/intake/bringing-call.ts';
import type { KeyGate } from './keys.ts';
import type { RouteMetrics } from './metrics.ts';
import { limitByKey } from './rate-limits.ts';

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
  parts: {
    intake: EventIntake;
    gate: KeyGate;
    metrics: RouteMetrics;
    perMinute: () => number;
  },
): Promise<void> {
  await limitByKey(scope, parts.perMinute);
  for (const route of Object.keys(eventRoutes) as EventRoute[]) {
    const { summary, body, status, answer } = eventRoutes[route];
    scope.post(route, {
      schema: {
        operationId: operationIdOf(route),
        summary,
        tags: ['events'],
        security: [{ bearer: [] }, { api_key: [] }],
        body,
        response: { [status]: answer },
      },
      config: { captured: true },
      // The schemas are for the document; intake parses, and the answer is what it committed.
      validatorCompiler: () => () => true,
      serializerCompiler: () => JSON.stringify,
      onRequest: parts.gate.event(route),
      handler: async (request, reply) => {
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

function callerOf(request: FastifyRequest): EventCaller {
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

function operationIdOf(route: string): string {
  return `post_${route.split('/').filter(Boolean).join('_')}`;
}
