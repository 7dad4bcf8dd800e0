import type { FastifyInstance } from 'fastify';

/** Strict, and also right for what is no page at all. */
const NOTHING_ALLOWED =
  "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * Sets what every answer carries, before any check can refuse it. Pages and static files replace
 * the content policy and the caching rule by their own.
 */
export function setSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': NOTHING_ALLOWED,
      'cache-control': 'no-store',
    });
    done();
  });
}
