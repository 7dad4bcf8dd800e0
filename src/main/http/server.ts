import { randomBytes } from 'node:crypto';
import { Server as TlsServer } from 'node:tls';
import Fastify, { type FastifyInstance } from 'fastify';
import type { ProcedureName } from '../../shared/contract/index.ts';
import { LabRelayError } from '../../shared/errors.ts';
import type { Handlers } from '../bridge/handler.ts';
import type { PushSource } from '../bridge/pushes/push-hub.ts';
import type { ConfigurationLookup } from '../engine/configuration/lookup.ts';
import type { EngineFigures } from '../engine/figures.ts';
import { type AppointmentLister, appointmentRoutes } from './appointment-routes.ts';
import type { BulkTaker } from './bulk-routes.ts';
import { type ReportTaker, callbackRoutes } from './callback-routes.ts';
import { type CallTaker, captureCalls } from './capture.ts';
import { consoleRoutes } from './console-routes.ts';
import { type EventIntake, eventRoutesOf } from './event-routes.ts';
import { type HostPolicy, hostCheck, refuseForeignHosts } from './hosts.ts';
import { takeJsonBodies } from './json-body.ts';
import { KeyGate } from './keys.ts';
import { legacyRoutes, type NoteTaker } from './legacy-routes.ts';
import { Metrics } from './metrics.ts';
import { describeRoutes, type HealthDocument, monitoringRoutes } from './monitoring-routes.ts';
import { answerBrokenRequests, answerProblems, type FaultLog, sendProblem } from './problems.ts';
import { procedureRoutes } from './procedure-routes.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { SessionCookie } from './session-cookie.ts';
import { SessionGate } from './session-gate.ts';
import { type SessionKeeper, sessionRoutes } from './session-routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { useZodSchemas } from './validation.ts';

/** Bytes that a body may have, but for the bulk route. */
const BODY_LIMIT = 10 * 1024 * 1024;

/** Milliseconds in which a whole request must have arrived. */
const REQUEST_TIMEOUT = 60_000;

/** Milliseconds that answers under way are given once the server is to close. */
const CLOSE_TIMEOUT = 10_000;

/** Milliseconds between looks for connections that have nothing more to answer. */
const IDLE_CHECK = 20;

/** What the server needs of the engine. */
export interface ServedEngine {
  configuration: Pick<ConfigurationLookup, 'accessKeyOf' | 'settings'>;
  intake: EventIntake;
  /** Null: no call is captured. */
  inbound: CallTaker | null;
  appointments: AppointmentLister;
  bulk: BulkTaker;
  callback: ReportTaker;
  legacyCallbacks: NoteTaker;
  people: SessionKeeper;
  pushes: PushSource;
  health(): Promise<HealthDocument>;
  figures(): Promise<EngineFigures>;
}

export interface HttpServerOptions {
  engine: ServedEngine;
  handlers: Handlers<ProcedureName>;
  policy: HostPolicy;
  /** 0: any free port. */
  port: number;
  /** PEM texts; null serves plain http. */
  tls: { cert: string; key: string } | null;
  /** This start's token, by which our own worker reports over HTTP. */
  internalToken: string;
  /** Folder of the built console. */
  consoleFolder: string;
  version: string;
  /** Shown on the documentation page; none where it is absent. */
  warning?: string | null;
  onFault: FaultLog;
}

/** A listening server. */
export interface HttpServer {
  port: number;
  /** Serves another certificate to connections made from now on; those that are open stay. */
  renewTls(pair: { cert: string; key: string }): void;
  /** Refuses new requests, lets those under way end, closes. Idempotent. */
  close(): Promise<void>;
}

/** Builds the server with all its routes; `isStopping` makes it refuse new requests. */
async function buildServer(
  options: HttpServerOptions,
  isStopping: () => boolean,
): Promise<FastifyInstance> {
  const { engine, tls } = options;
  // Distinguishes this start's requests in the application log from those of others.
  const start = randomBytes(4).toString('hex');
  let requests = 0;
  const app = Fastify({
    logger: false,
    genReqId: () => `${start}-${++requests}`,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (_error, _request, reply) => {
      sendProblem(
        reply,
        new LabRelayError(
          'MALFORMED_REQUEST',
          'The address in the request line is not a valid one.',
        ),
      );
    },
    clientErrorHandler: answerBrokenRequests,
    ...(tls ? { https: tls } : {}),
  }) as FastifyInstance;

  const metrics = new Metrics(() => engine.figures(), options.version);
  const { publicUrl } = options.policy;
  const cookie = new SessionCookie({ tls: tls !== null, publicUrl });
  const sessions = new SessionGate({ sessions: engine.people, cookie, publicUrl });
  const gate = new KeyGate({
    sessions,
    configuration: engine.configuration,
    ownToken: options.internalToken,
  });

  app.decorateRequest('accessKey', null);
  app.decorateRequest('session', null);
  app.decorateRequest('problem', null);
  setSecurityHeaders(app);
  refuseForeignHosts(app, hostCheck(options.policy));
  app.addHook('onRequest', (_request, reply, done) => {
    if (!isStopping()) return done();
    reply.header('connection', 'close');
    return done(new LabRelayError('STOPPING', 'LabRelay is stopping; try again in a moment.'));
  });
  takeJsonBodies(app, BODY_LIMIT);
  useZodSchemas(app);
  answerProblems(app, { bodyLimit: BODY_LIMIT, onFault: options.onFault, metrics });

  captureCalls(app, engine.inbound);

  await describeRoutes(app, options.version, options.warning ?? null);
  await app.register((scope) =>
    eventRoutesOf(scope, {
      intake: engine.intake,
      bulk: engine.bulk,
      gate,
      metrics,
      perMinute: () => engine.configuration.settings.eventRateLimit,
    }),
  );
  await app.register((scope) =>
    appointmentRoutes(scope, {
      appointments: engine.appointments,
      gate,
      perMinute: () => engine.configuration.settings.eventRateLimit,
    }),
  );
  await app.register(async (scope) => {
    await callbackRoutes(scope, {
      callback: engine.callback,
      gate,
      metrics,
      perMinute: () => engine.configuration.settings.callbackRateLimit,
    });
    // Inside, so that the same key's calls count together.
    await scope.register((older) =>
      legacyRoutes(older, { legacyCallbacks: engine.legacyCallbacks, gate }),
    );
  });
  await app.register((scope) =>
    procedureRoutes(scope, {
      handlers: options.handlers,
      gate,
      perMinute: () => engine.configuration.settings.consoleRateLimit,
    }),
  );
  await app.register((scope) => streamRoutes(scope, { pushes: engine.pushes, gate }));
  await app.register((scope) =>
    sessionRoutes(scope, { people: engine.people, gate, sessions, cookie }),
  );
  await monitoringRoutes(app, { health: () => engine.health(), metrics });
  await consoleRoutes(app, options.consoleFolder);
  return app;
}

/**
 * Opens the local server.
 * @throws Error that says why it cannot listen, and the cure
 */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let closing: Promise<void> | null = null;
  const app = await buildServer(options, () => closing !== null);
  try {
    await app.listen({ host: options.policy.listenHost, port: options.port });
  } catch (error) {
    await app.close();
    throw listenError(error, options);
  }
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');

  const close = async (): Promise<void> => {
    // A client that never ends its request must not keep the engine from stopping.
    const impatience = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT);
    // Connections whose last answer ends meanwhile would otherwise be kept alive for the next.
    const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK);
    try {
      await app.close();
    } finally {
      clearTimeout(impatience);
      clearInterval(idle);
    }
  };
  return {
    port: address.port,
    renewTls: (pair) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext(pair);
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function listenError(error: unknown, { policy, port }: HttpServerOptions): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const place = `port ${port} of ${policy.listenHost}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `${place} is taken by another program. End that one, or choose another port with --port.`,
        { cause: error },
      );
    case 'EACCES':
      return new Error(
        `${place} may not be used by this user. Choose one above 1023 with --port.`,
        {
          cause: error,
        },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(
        `${policy.listenHost} is no address of this machine. Give one with --host.`,
        {
          cause: error,
        },
      );
    default:
      return error;
  }
}
