import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FieldError, Problem } from '../../src/shared/errors.ts';
import {
  type HttpServer,
  type HttpServerOptions,
  openHttpServer,
} from '../../src/main/http/server.ts';
import { FakeEngine, TOKENS } from './fake-engine.ts';

/** This start's own token of the servers under test. */
export const OWN_TOKEN = 'own-token-of-this-start';

export interface Served {
  engine: FakeEngine;
  server: HttpServer;
  url: string;
  faults: { request_id: string; route: string; error: unknown }[];
  /** Posts JSON with a key (default: the inbound one). */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** A real server on a real socket over the fake engine. */
export async function serve(options: Partial<HttpServerOptions> = {}): Promise<Served> {
  const engine = new FakeEngine();
  const faults: Served['faults'] = [];
  const server = await openHttpServer({
    engine,
    handlers: engine.handlers,
    policy: { listenHost: '127.0.0.1', allowHosts: [], publicUrl: null },
    port: 0,
    tls: null,
    internalToken: OWN_TOKEN,
    consoleFolder: mkdtempSync(join(tmpdir(), 'labrelay-no-console-')),
    version: '1.2.3',
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    engine,
    server,
    url,
    faults,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${TOKENS.inbound}`,
          ...headers,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** A bill as the routes take it. */
export const BILL = {
  lab_id: 7,
  bill: { bill_id: 17, patient: { patient_id: 'P1', name: 'Asha Verma' } },
};

/** The problem document of a refusal; fails where the answer is none (RFC 9457). */
export async function problemOf(response: Response): Promise<Problem & { errors: FieldError[] }> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  return { errors: [], ...problem };
}
