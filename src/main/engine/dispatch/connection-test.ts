import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { certaintyOf } from '../../../shared/model/certainty.ts';
import { statusMessage } from '../callback/outcome-report.ts';
import { portOf, type TargetPolicy } from '../targets/guard.ts';
import { callPartner } from './authorized-call.ts';
import { httpFault } from './http-errors.ts';
import {
  built,
  configured,
  prepare,
  type Sample,
  type TestDeps,
  withToken,
} from './test-preparation.ts';
import { accepted, opened, StepFailed } from './test-sockets.ts';
import type { TransportLimits } from './transport.ts';
import { secureContextOf, UnusableTls } from './trust.ts';

/** One step of a connection test. */
export interface TestStep {
  name: 'configuration' | 'credentials' | 'dns' | 'connect' | 'tls' | 'payload' | 'send';
  ok: boolean;
  /** What was found, or what to mend; never a secret. */
  detail: string;
  timeMs: number;
}

/** What a connection test found. It ends at the first step that fails. */
export interface ConnectionTest {
  ok: boolean;
  steps: TestStep[];
  responseStatusCode: number | null;
}

/** Marks a call as a test, for partners that want to tell. */
const TEST_HEADER = 'x-labrelay-test';

/**
 * Walks the way to a rule's end point step by step, without making a delivery.
 *
 * @param payload builds the sample that is sent; null sends nothing
 */
export async function testConnection(
  deps: TestDeps,
  labIntegrationId: number,
  payload: (() => Promise<Sample>) | null,
): Promise<ConnectionTest> {
  const steps: TestStep[] = [];
  let responseStatusCode: number | null = null;

  const step = async <T>(
    name: TestStep['name'],
    run: () => Promise<[T, string]>,
  ): Promise<T | null> => {
    const started = performance.now();
    const timeMs = () => Math.round(performance.now() - started);
    try {
      const [value, detail] = await run();
      steps.push({ name, ok: true, detail, timeMs: timeMs() });
      return value;
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      steps.push({ name, ok: false, detail: error.message, timeMs: timeMs() });
      return null;
    }
  };

  const sample = { body: '{}', contentType: 'application/json' };
  let attempt = await step('configuration', async () => [
    await configured(deps, labIntegrationId, sample),
    'The rule, its credentials and its end point can be used.',
  ]);
  if (!attempt) return { ok: false, steps, responseStatusCode };
  if ('tokenOf' in attempt) {
    const { tokenOf } = attempt;
    attempt = await step('credentials', async () => [
      await withToken(deps, tokenOf, labIntegrationId, sample),
      'The token endpoint gave a token.',
    ]);
    if (!attempt) return { ok: false, steps, responseStatusCode };
  }
  const { request, limits } = attempt;
  const url = new URL(request.url);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = portOf(url);
  const { connectTimeoutMs, tls, clientCertificate } = limits;

  const addresses = await step('dns', async () => [
    await resolve(deps.targets.policy(limits.allowedTargets ?? null), host, port),
    `${host} was resolved.`,
  ]);
  if (addresses === null) return { ok: false, steps, responseStatusCode };

  const socket = await step<Socket>('connect', async () => {
    // To the very addresses that were checked: nobody is asked again.
    const connection = connectTcp({ host, port, lookup: answering(addresses) });
    await opened(connection, 'connect', url.host, connectTimeoutMs);
    return [connection, `Port ${port} takes connections.`];
  });
  if (!socket) return { ok: false, steps, responseStatusCode };

  if (url.protocol === 'https:') {
    const secured = await step<Socket>('tls', async () => {
      const serverName = tls?.serverName ?? (isIP(host) ? undefined : host);
      const context = contextOf(limits);
      const connection = connectTls({
        socket,
        // An address has no server name to ask for, but the certificate must be made out to it.
        host,
        ...(serverName ? { servername: serverName } : {}),
        ...(context ? { secureContext: context } : {}),
      });
      await opened(connection, 'secureConnect', url.host, connectTimeoutMs);
      await accepted(connection, url.host);
      const shown = clientCertificate ? ', and ours was shown' : '';
      return [
        connection,
        `The certificate is trusted (${connection.getProtocol() ?? 'TLS'})${shown}.`,
      ];
    });
    secured?.destroy();
    if (!secured) {
      socket.destroy();
      return { ok: false, steps, responseStatusCode };
    }
  }
  socket.destroy();
  if (!payload) return { ok: true, steps, responseStatusCode };

  const ready = await step('payload', async () => {
    const body = await built(payload);
    return [
      await prepare(deps, labIntegrationId, body),
      `The sample's body has ${Buffer.byteLength(body.body)} bytes.`,
    ];
  });
  if (!ready) return { ok: false, steps, responseStatusCode };
  const sent = await step('send', async () => {
    const headers = { ...ready.request.headers, [TEST_HEADER]: 'true' };
    const marked = { ...ready, request: { ...ready.request, headers } };
    const outcome = await callPartner(deps.transport, marked);
    responseStatusCode = outcome.responseStatusCode;
    const certainty = certaintyOf(outcome, ready.rule.retryPolicy.overrides);
    const detail =
      outcome.errorMessage ??
      (outcome.responseStatusCode === null
        ? 'No answer.'
        : statusMessage(outcome.responseStatusCode));
    if (certainty !== 'ACCEPTED' && certainty !== 'COMMITTED') throw new StepFailed(detail);
    return [true, detail];
  });
  return { ok: sent === true, steps, responseStatusCode };
}

function contextOf({ tls, clientCertificate }: TransportLimits): SecureContext | null {
  try {
    return secureContextOf(tls?.ca ?? null, clientCertificate ?? null);
  } catch (error) {
    if (error instanceof UnusableTls) throw new StepFailed(error.message);
    throw error;
  }
}

/** The addresses of a host that a delivery would connect to. */
async function resolve(policy: TargetPolicy, host: string, port: number): Promise<LookupAddress[]> {
  try {
    const family = isIP(host);
    if (family === 0) return await policy.addresses(host, port);
    policy.check(host, port, host);
    return [{ address: host, family }];
  } catch (error) {
    throw new StepFailed(httpFault(error, host, 'connecting').message);
  }
}

/** A resolver with one answer. */
function answering(addresses: LookupAddress[]): LookupFunction {
  return (_host, options, done) => {
    const [first] = addresses;
    if (options.all) done(null, addresses);
    else done(null, first?.address ?? '', first?.family);
  };
}
