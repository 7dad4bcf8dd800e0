import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LabRelayError } from '../../shared/errors.ts';

const quiet = {
  'ratelimit-limit': false,
  'ratelimit-remaining': false,
  'ratelimit-reset': false,
};

/**
 * Limits the requests a minute of each access key over all routes of a scope. Runs after the
 * route's key check, so that nobody uses up another's share; register it before the routes.
 * @param isExempt tells calls that count for nobody
 */
export async function limitByKey(
  scope: FastifyInstance,
  perMinute: () => number,
  isExempt: (request: FastifyRequest) => boolean = () => false,
): Promise<void> {
  await scope.register(rateLimit, {
    global: true,
    timeWindow: 60_000,
    max: () => perMinute(),
    keyGenerator: (request) => String(request.accessKey?.accessKeyId ?? request.ip),
    allowList: (request) => isExempt(request),
    enableDraftSpec: true,
    // Told when it matters; on every answer they would only cost.
    addHeadersOnExceeding: quiet,
    errorResponseBuilder: (_request, { max, after }) =>
      new LabRelayError(
        'RATE_LIMITED',
        `This key may make ${max} calls a minute. Try again in ${after}, or have the limit raised in the settings.`,
      ),
  });
}
