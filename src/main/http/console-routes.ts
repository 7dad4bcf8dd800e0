import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import staticFiles from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** What the build writes where each answer's nonce belongs. */
const NONCE_PLACE = '__CSP_NONCE__';

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>LabRelay</title>
<h1>The console is not built</h1>
<p>LabRelay runs, but its console has not been built in this checkout. Run <code>npm run build</code>
and start LabRelay again. <a href="/health">Health</a> and <a href="/docs">the API's page</a> work
without it.</p></html>
`;

function consolePolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/**
 * Serves the built console. Its page gets a fresh nonce per answer and is never cached; the files
 * beside it carry their content's hash in their names and are cached for good.
 */
export async function consoleRoutes(scope: FastifyInstance, folder: string): Promise<void> {
  const page = join(folder, 'index.html');
  if (!existsSync(page)) {
    scope.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply.code(404).header('content-type', 'text/html; charset=utf-8').send(NOT_BUILT),
    );
    return;
  }
  const html = readFileSync(page, 'utf8');
  scope.get('/', { schema: { hide: true } }, (_request, reply) => {
    const nonce = randomBytes(16).toString('base64url');
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', consolePolicy(nonce))
      .send(html.replaceAll(NONCE_PLACE, nonce));
  });
  // One route per file that exists, so that unknown paths stay problem documents.
  await scope.register(staticFiles, {
    root: folder,
    prefix: '/',
    wildcard: false,
    index: false,
    globIgnore: ['index.html'],
    schemaHide: true,
    decorateReply: false,
    cacheControl: false,
    setHeaders: (reply) => {
      reply.header('cache-control', 'public, max-age=31536000, immutable');
    },
  });
}
