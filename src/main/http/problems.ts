import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LabRelayError, type Problem } from '../../shared/errors.ts';
import type { RouteMetrics } from './metrics.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What it was refused with. */
    problem: Problem['code'] | null;
  }
}

/** RFC 9457 §3. */
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Where faults of our own are written; it is given no message, since those may quote data. */
export type FaultLog = (fault: { request_id: string; route: string; error: unknown }) => void;

/**
 * Up to this many bytes of a refused body are read and thrown away, so that the client gets to
 * read the answer; closing a socket with unread bytes resets it, and the answer is lost.
 */
const DISCARD_LIMIT = 128 * 1024 * 1024;

/** Seconds after which a caller should try again, by code. */
const RETRY_AFTER: Partial<Record<Problem['code'], number>> = {
  STORE_UNAVAILABLE: 5,
  STOPPING: 5,
  CONTENDED: 1,
  BATCH_UNFINISHED: 5,
};

/** `10 MiB`, for the limits that people are told. */
function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;
}

/** Translates whatever a handler, a hook or the framework threw; null for faults of our own. */
function asLabRelayError(error: FastifyError | Error, bodyLimit: number): LabRelayError | null {
  if (error instanceof LabRelayError) return error.code === 'INTERNAL' ? null : error;
  const code = 'code' in error ? error.code : '';
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new LabRelayError(
        'BODY_TOO_LARGE',
        `The body is larger than the limit of ${mebibytes(bodyLimit)} (${bodyLimit} bytes). Send less in one call.`,
        [{ field: '', reason: `must be at most ${bodyLimit} bytes` }],
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new LabRelayError(
        'UNSUPPORTED_MEDIA_TYPE',
        'The body must be JSON: send the header content-type: application/json.',
        [{ field: 'content-type', reason: 'must be application/json' }],
      );
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new LabRelayError('INVALID_JSON', 'The body is not valid JSON.', [
        { field: '', reason: 'must be one JSON document in UTF-8' },
      ]);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new LabRelayError(
        'INVALID_JSON',
        'The body is not as long as its content-length header says.',
        [{ field: 'content-length', reason: 'must be the number of bytes in the body' }],
      );
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      // The client went away while it sent; nobody reads this answer.
      return new LabRelayError(
        'MALFORMED_REQUEST',
        'The connection broke before the body was complete.',
      );
    default:
      return null;
  }
}

/** Sends one error as a problem document, with the header fields that its status asks for. */
export function sendProblem(reply: FastifyReply, error: LabRelayError): FastifyReply {
  const problem = error.toProblem();
  reply.request.problem = problem.code;
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="LabRelay"');
  const wait = RETRY_AFTER[problem.code];
  if (wait !== undefined && !reply.hasHeader('retry-after')) reply.header('retry-after', wait);
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send(problem);
}

/**
 * Makes every error of this server a problem document. Anything that is no error of the caller's
 * becomes `INTERNAL` without a word from inside; the fault log has the entry that the answer names.
 */
export function answerProblems(
  app: FastifyInstance,
  options: { bodyLimit: number; onFault: FaultLog; metrics: Pick<RouteMetrics, 'problem'> },
): void {
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const known = asLabRelayError(error, request.routeOptions.bodyLimit ?? options.bodyLimit);
    options.metrics.problem(known?.code ?? 'INTERNAL');
    if (known?.code === 'BODY_TOO_LARGE') keepConnection(request, reply);
    if (known) return sendProblem(reply, known);
    options.onFault({
      request_id: request.id,
      route: request.routeOptions.url ?? 'unknown',
      error,
    });
    return sendProblem(
      reply,
      new LabRelayError(
        'INTERNAL',
        `Something went wrong in LabRelay. Its application log tells more under request_id ${request.id}.`,
      ),
    );
  });

  // 404 and 405 are told apart by the paths known for other methods.
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const methods = methodsOf.get(withoutSlash(route.url)) ?? new Set<string>();
    for (const method of [route.method].flat()) methods.add(method);
    methodsOf.set(withoutSlash(route.url), methods);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = withoutSlash(request.url.split('?', 1)[0] ?? '');
    const methods = methodsOf.get(path);
    if (methods) {
      const allowed = [...methods].sort().join(', ');
      reply.header('allow', allowed);
      return sendProblem(
        reply,
        new LabRelayError('METHOD_NOT_ALLOWED', `This route takes ${allowed}.`, [
          { field: 'method', reason: `must be ${[...methods].sort().join(' or ')} on this route` },
        ]),
      );
    }
    return sendProblem(
      reply,
      new LabRelayError('NOT_FOUND', 'There is no such route. GET /openapi.json lists them all.', [
        { field: 'path', reason: 'is no route of LabRelay; GET /openapi.json lists them all' },
      ]),
    );
  });
}

/** `/billing` and `/billing/` are one route. */
function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** See DISCARD_LIMIT: Node discards the rest of the body by itself if the connection is kept. */
function keepConnection(request: FastifyRequest, reply: FastifyReply): void {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (length <= DISCARD_LIMIT) reply.removeHeader('connection');
}

/** How long a caller of a broken request is given to read its answer (ms). */
const READING_MS = 1000;

/** Answers what is not even HTTP, or breaks its limits; no route or hook ever sees it. */
export function answerBrokenRequests(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'The header fields are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request did not arrive in time.']
        : [400, 'This is not a valid HTTP/1.1 request.'];
  const title = STATUS_CODES[status] ?? 'Bad Request';
  const body = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    code: 'INVALID_INPUT',
    detail,
  });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // Whoever keeps its side open would keep the connection for ever, and a call that stopped half-way
  // without its log. Not at once: unread bytes would reset the connection, and the answer be lost.
  const reading = setTimeout(() => socket.destroy(), READING_MS);
  socket.once('close', () => clearTimeout(reading));
}
