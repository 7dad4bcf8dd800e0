import type { FastifyInstance } from 'fastify';
import {
  LEGACY_ROUTES,
  type LegacyAnswer,
  legacyAnswer,
  legacyReport,
  type LegacyRoute,
} from '../../shared/contract/legacy.ts';
import { takeFormBodies } from './form-body.ts';
import type { KeyGate } from './keys.ts';

/** Bytes of a body that is nothing but a note. */
const BODY_LIMIT = 1024 * 1024;

/** What the routes of older integrations need of the engine. */
export interface NoteTaker {
  /**
   * Keeps what an older integration tells as a note.
   * @param reporter name of the access key that it came with
   * @throws LabRelayError for a body that names nothing known; nothing is kept then
   */
  take(route: LegacyRoute, body: unknown, reporter: string): Promise<LegacyAnswer>;
}

/** This start's own token, with which nobody but LabRelay itself calls. */
const OURSELVES = 'LabRelay';

/**
 * Where older integrations report to, in whatever shape they always have. Register it within the scope
 * of the callback route, whose limit it shares.
 */
export async function legacyRoutes(
  scope: FastifyInstance,
  { legacyCallbacks, gate }: { legacyCallbacks: NoteTaker; gate: KeyGate },
): Promise<void> {
  takeFormBodies(scope, BODY_LIMIT);
  for (const route of LEGACY_ROUTES) {
    scope.post(route, {
      bodyLimit: BODY_LIMIT,
      schema: {
        operationId: `post_${route.replaceAll('/', '')}`,
        summary: 'For older integrations: keeps a note with the log or object that the body names',
        description:
          'Legacy: new integrations report to /integration_callback/. Any JSON object or form fields of up to 1 MiB. It changes no status; the same body again within ten minutes is not noted twice. The setting legacy_callbacks_enabled switches it off (410).',
        deprecated: true,
        tags: ['callbacks'],
        security: [{ internal_token: [] }],
        consumes: ['application/json', 'application/x-www-form-urlencoded'],
        body: legacyReport,
        response: { 200: legacyAnswer },
      },
      // The schemas are for the document: a body may have any shape.
      validatorCompiler: () => () => true,
      serializerCompiler: () => JSON.stringify,
      onRequest: gate.internal(),
      handler: (request) =>
        legacyCallbacks.take(route, request.body, request.accessKey?.name ?? OURSELVES),
    });
  }
}
