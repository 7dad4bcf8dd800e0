import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { LabRelayError } from '../../../shared/errors.ts';
import { certaintyOf } from '../../../shared/model/certainty.ts';
import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { statusMessage } from '../callback/outcome-report.ts';
import { httpFault } from './http-errors.ts';
import { NotSendable, prepareAttempt, type PreparedAttempt } from './request.ts';
import type { Transport } from './transport.ts';
import { trusting, UnreadableCa } from './trust.ts';

/** One step of a connection test. */
export interface TestStep {
  name: 'configuration' | 'dns' | 'connect' | 'tls' | 'payload' | 'send';
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
  deps: { configuration: ConfigurationLookup; transport: Transport; clock: () => number },
  labIntegrationId: number,
  payload: (() => Promise<{ body: string; contentType: string }>) | null,
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
  const attempt = await step('configuration', async () => [
    prepare(deps.configuration, labIntegrationId, sample, deps.clock()),
    'The rule, its credentials and its end point can be used.',
  ]);
  if (!attempt) return { ok: false, steps, responseStatusCode };
  const url = new URL(attempt.request.url);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const { connectTimeoutMs, tls } = attempt.limits;

  const address = await step('dns', async () => [await resolve(host), `${host} was resolved.`]);
  if (address === null) return { ok: false, steps, responseStatusCode };

  const socket = await step<Socket>('connect', async () => {
    const connection = connectTcp({ host: address, port });
    await opened(connection, 'connect', url.host, connectTimeoutMs);
    return [connection, `Port ${port} takes connections.`];
  });
  if (!socket) return { ok: false, steps, responseStatusCode };

  if (url.protocol === 'https:') {
    const secured = await step<Socket>('tls', async () => {
      const serverName = tls?.serverName ?? (isIP(host) ? undefined : host);
      const connection = connectTls({
        socket,
        // An address has no server name to ask for, but the certificate must be made out to it.
        host,
        ...(serverName ? { servername: serverName } : {}),
        ...(tls?.ca ? { secureContext: trust(tls.ca) } : {}),
      });
      await opened(connection, 'secureConnect', url.host, connectTimeoutMs);
      return [connection, `The certificate is trusted (${connection.getProtocol() ?? 'TLS'}).`];
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
      prepare(deps.configuration, labIntegrationId, body, deps.clock()),
      `The sample's body has ${Buffer.byteLength(body.body)} bytes.`,
    ];
  });
  if (!ready) return { ok: false, steps, responseStatusCode };
  const sent = await step('send', async () => {
    const request = {
      ...ready.request,
      headers: { ...ready.request.headers, [TEST_HEADER]: 'true' },
    };
    const outcome = await deps.transport.send(request, ready.limits);
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

/** A step that did not work, with the words for whoever tests. */
class StepFailed extends Error {}

function prepare(
  configuration: ConfigurationLookup,
  labIntegrationId: number,
  { body, contentType }: { body: string; contentType: string },
  now: number,
): PreparedAttempt {
  const task: ClaimedTask = {
    taskId: 0,
    logId: 'connection-test',
    labId: 0,
    labIntegrationId,
    actionCategory: '',
    eventId: null,
    kind: 'MANUAL',
    attempt: 1,
    revision: 1,
    body,
    contentType,
    priority: 'ROUTINE',
    deliverBy: null,
    integrationCallbackUrl: '',
    crashes: 0,
  };
  try {
    return prepareAttempt(task, configuration, now);
  } catch (error) {
    if (error instanceof NotSendable) throw new StepFailed(error.message);
    throw error;
  }
}

/** The sample's body; a mapping that fails on it is a finding, what is wrong with `data` is not. */
async function built<T>(payload: () => Promise<T>): Promise<T> {
  try {
    return await payload();
  } catch (error) {
    if (!(error instanceof LabRelayError) || error.code !== 'MAPPING_FAILED') throw error;
    throw new StepFailed(`The mapping failed on it: ${error.errors[0]?.reason ?? error.message}`);
  }
}

function trust(ca: string): SecureContext {
  try {
    return trusting(ca);
  } catch (error) {
    if (error instanceof UnreadableCa) throw new StepFailed(error.message);
    throw error;
  }
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new StepFailed(httpFault(error, host, 'connecting').message);
  }
}

/** Waits until a socket is open. @throws StepFailed in the words that a delivery would fail with */
async function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  host: string,
  timeoutMs: number,
): Promise<void> {
  await new Promise<void>((done, fail) => {
    const give = (error: unknown) => {
      socket.destroy();
      fail(new StepFailed(httpFault(error, host, 'connecting').message));
    };
    const timer = setTimeout(
      () => give(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    );
    socket.once('error', give);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', give);
      // A later error of a socket that is about to be closed tells nothing more.
      socket.on('error', () => socket.destroy());
      done();
    });
    // Never without an error before, so far as is known; nobody may wait for ever all the same.
    socket.once('close', () => {
      clearTimeout(timer);
      give(new Error('closed'));
    });
  });
}
