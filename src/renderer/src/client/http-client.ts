import type { CallInput, Output, ProcedureName } from '../../../shared/contract/index.ts';
import { kebabCase } from '../../../shared/contract/procedure.ts';
import { fromProblem, LabRelayError, type Problem } from '../../../shared/errors.ts';
import { type Client, type Health, UnreachableError } from './client.ts';

/** No procedure of the console takes longer; a socket that hangs must show as stale. */
const TIMEOUT_MS = 15_000;

/** Calls procedures over HTTP with a user key, from a browser. */
export function httpClient(): Client {
  let key: string | null = null;
  return {
    needsKey: true,
    setKey(next) {
      key = next;
    },
    async call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>> {
      const response = await request(`/api/v1/${kebabCase(name)}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key ? { authorization: `Bearer ${key}` } : {}),
        },
        body: JSON.stringify(input),
      });
      if (!response.ok) throw refusal(response, await json<unknown>(response));
      // The server encodes every answer by the same contract.
      return json<Output<N>>(response);
    },
    async health() {
      const response = await request('/health', { method: 'GET' });
      const body = await json<unknown>(response);
      // A degraded engine may answer 503 with its health; a problem document has a code instead.
      if (isHealth(body)) return body;
      throw refusal(response, body);
    },
  };
}

async function request(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, {
      ...init,
      cache: 'no-store',
      credentials: 'omit',
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
