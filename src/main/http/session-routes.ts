import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { toIso } from '../../shared/contract/common.ts';
import { signInInput, type Who, whoDocument } from '../../shared/contract/people.ts';
import type { AccessKey } from '../../shared/model/configuration.ts';
import type { Session } from '../../shared/model/session.ts';
import type { OpenSession } from '../engine/people/sessions.ts';
import type { KeyGate } from './keys.ts';
import { limitByKey } from './rate-limits.ts';
import type { SessionCookie } from './session-cookie.ts';
import type { SessionGate, SessionLookup } from './session-gate.ts';

/** What the session routes need of the engine. */
export interface SessionKeeper extends SessionLookup {
  in(key: AccessKey, address: string): Promise<{ session: Session; value: string }>;
  out(open: OpenSession, address: string): Promise<void>;
  /** Notes a try that was refused. */
  refused(address: string): void;
}

/** Where the console signs in and out. */
const SESSION_PATH = '/api/v1/session';

/** Calls a minute; nobody signs in that often. */
const CALLS_A_MINUTE = 300;

/** Signing in at the console, out of it, and asking who one is. */
export async function sessionRoutes(
  scope: FastifyInstance,
  parts: { people: SessionKeeper; gate: KeyGate; sessions: SessionGate; cookie: SessionCookie },
): Promise<void> {
  const { people, gate, sessions, cookie } = parts;
  await limitByKey(scope, () => CALLS_A_MINUTE);
  const routes = scope.withTypeProvider<ZodTypeProvider>();

  routes.post(SESSION_PATH, {
    schema: {
      operationId: 'post_session',
      summary: 'Signs a person in with their user key; the answer sets the session’s cookie',
      tags: ['console'],
      security: [],
      body: signInInput,
      response: { 200: whoDocument },
    },
    handler: async (request, reply) => {
      const key = gate.person(request, reply, request.body.key, () => people.refused(request.ip));
      const { session, value } = await people.in(key, request.ip);
      const lifetime = Math.floor((session.expiresAt - session.createdAt) / 1_000);
      cookie.set(request, reply, value, lifetime);
      return who(key, session);
    },
  });

  routes.get(SESSION_PATH, {
    schema: {
      operationId: 'get_session',
      summary: 'Who is signed in, by the session’s cookie or a user key',
      tags: ['console'],
      security: [{ bearer: [] }, { api_key: [] }, { session: [] }],
      response: { 200: whoDocument },
    },
    onRequest: gate.procedure('viewer'),
    handler: async (request) => who(keyOf(request), request.session),
  });

  routes.delete(SESSION_PATH, {
    schema: {
      operationId: 'delete_session',
      summary: 'Signs out: ends the session of the cookie',
      tags: ['console'],
      security: [{ session: [] }],
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const open = cookie.valueOf(request) === null ? null : sessions.take(request);
      if (open) await people.out(open, request.ip);
      cookie.clear(request, reply);
      return reply.code(204).send(null);
    },
  });
}

function keyOf(request: FastifyRequest): AccessKey {
  // The key check ran before; without it this route would be open to anyone.
  if (!request.accessKey) throw new Error('a session route was reached without its key check');
  return request.accessKey;
}

function who(key: AccessKey, session: Session | null): Who {
  return {
    name: key.name,
    role: key.role ?? 'viewer',
    session_id: session?.sessionId ?? null,
    expires_at: toIso(session?.expiresAt ?? null),
  };
}
