import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import { kebabCase } from '../../../shared/contract/procedure.ts';
import { fromProblem, LabRelayError, type Problem } from '../../../shared/errors.ts';
import { type Client, type Health, UnreachableError, type Who } from './client.ts';
import { openEventStream } from './event-stream.ts';

/** No procedure of the console takes longer; a socket that hangs must show as stale. */
const TIMEOUT_MS = 15_000;

/** How long after the last touch of mouse or keyboard a call counts as the page's own (ms). */
const ATTENDED_MS = 60_000;
const SESSION = '/api/v1/session';

/**
 * Calls procedures over HTTP from a browser. The session's cookie says who calls; no script can read
 * it, this one neither.
 */
export function httpClient(): Client {
  const isAttended = watchAttendance();

  async function post<T>(path: string, input: unknown): Promise<T> {
    const response = await request(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // A page left open asks on and on; that must not keep its session alive.
        ...(isAttended() ? {} : { 'x-labrelay-idle': '1' }),
      },
      body: JSON.stringify(input),
    });
    if (!response.ok) throw refusal(response, await json<unknown>(response));
    // The server encodes every answer by the same contract.
    return json<T>(response);
  }

  return {
    needsSignIn: true,
    call: <N extends ProcedureName>(name: N, input: CallInput<N>) =>
      post<Output<N>>(`/api/v1/${kebabCase(name)}`, input),
    async who() {
      const response = await request(SESSION, { method: 'GET' });
      const body = await json<Who>(response);
      if (response.ok) return body;
      throw refusal(response, body);
    },
    signIn: (key) => post<Who>(SESSION, { key }),
    async signOut() {
      const response = await request(SESSION, { method: 'DELETE' });
      if (!response.ok) throw refusal(response, await json<unknown>(response));
    },
    subscribe: openEventStream,
    async health() {
      const response = await request('/health', { method: 'GET' });
      const body = await json<unknown>(response);
      // A degraded engine may answer 503 with its health; a problem document has a code instead.
      if (isHealth(body)) return body;
      throw refusal(response, body);
    },
  };
}

/** Whether somebody has touched mouse or keyboard of late. */
function watchAttendance(): () => boolean {
  let touchedAt = Date.now();
  const touched = () => {
    touchedAt = Date.now();
  };
  for (const event of ['pointerdown', 'pointermove', 'keydown', 'wheel'] as const) {
    window.addEventListener(event, touched, { capture: true, passive: true });
  }
  return () => Date.now() - touchedAt < ATTENDED_MS;
}

async function request(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, {
      ...init,
      cache: 'no-store',
      credentials: 'same-origin',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new UnreachableError('LabRelay does not answer.', { cause: error });
  }
}

async function json<T>(response: Response): Promise<T> {
  try {
    return await response.json();
  } catch (error) {
    throw new UnreachableError('The answer was not complete.', { cause: error });
  }
}

function refusal(response: Response, body: unknown): LabRelayError {
  if (isProblem(body)) return fromProblem(body);
  return new LabRelayError('INTERNAL', `The server answered ${response.status} without a reason.`);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}

function isHealth(body: unknown): body is Health {
  return typeof body === 'object' && body !== null && 'checks' in body && 'status' in body;
}
