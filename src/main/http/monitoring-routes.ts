import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { healthDocument } from '../../shared/contract/health.ts';
import type { Metrics } from './metrics.ts';
import { openApiOptions } from './openapi.ts';

export type HealthDocument = z.output<typeof healthDocument>;

/**
 * The page's own policy: the UI styles elements in place. Unlike its default it does not upgrade
 * requests to https, which would break the page on a LAN address without TLS.
 */
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Makes the OpenAPI document of the routes registered after it. */
export async function describeRoutes(
  app: FastifyInstance,
  version: string,
  warning: string | null,
): Promise<void> {
  await app.register(swagger, openApiOptions(version, warning));
}

/** Health, metrics and documentation: open to monitoring, so they hold no more than it needs. */
export async function monitoringRoutes(
  scope: FastifyInstance,
  parts: { health: () => Promise<HealthDocument>; metrics: Metrics },
): Promise<void> {
  scope.get('/health', {
    schema: {
      operationId: 'get_health',
      summary: 'Whether LabRelay takes events and delivers; 503 while it is degraded',
      tags: ['monitoring'],
      response: { 200: healthDocument, 503: healthDocument },
    },
    handler: async (_request, reply) => {
      // Encoding by the schema alone would keep the figures, which are for people with a key.
      const health = healthDocument.parse(await parts.health());
      return reply.code(health.status === 'ok' ? 200 : 503).send(health);
    },
  });

  scope.get('/metrics', {
    schema: { operationId: 'get_metrics', summary: 'Prometheus metrics', tags: ['monitoring'] },
    handler: async (_request, reply) => {
      const text = await parts.metrics.text();
      return reply.header('content-type', parts.metrics.contentType).send(text);
    },
  });

  scope.get('/openapi.json', {
    schema: { operationId: 'get_openapi', summary: 'This document', tags: ['monitoring'] },
    handler: async (_request, reply) => reply.send(scope.swagger()),
  });

  await scope.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_POLICY,
    uiConfig: { url: '/openapi.json', deepLinking: true, persistAuthorization: false },
  });
}
