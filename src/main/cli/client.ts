import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors, Pool } from 'undici';
import type { z } from 'zod';
import {
  type CallInput,
  contract,
  type Output,
  type ProcedureName,
} from '../../shared/contract/index.ts';
import { kebabCase } from '../../shared/contract/procedure.ts';
import { ERROR_CODES, LabRelayError, type Problem } from '../../shared/errors.ts';
import { DEFAULT_HOST, DEFAULT_PORT, dataFolderOf } from '../config.ts';
import { asUsage, UsageError } from './arguments.ts';
import type { CommandIo } from './output.ts';

/** How long an engine may take to answer before a script is told so. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Options of every command that talks to a running engine. */
export const CONNECTION_OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
  data: { type: 'string' },
} as const;

/** What `--help` says of them. */
export const CONNECTION_HELP = `  --url URL          the running engine; default http://127.0.0.1:7420 (also LABRELAY_URL)
  --token KEY        user key (better: LABRELAY_TOKEN, which other users of this machine cannot
                     see); default: admin.token in the data folder of an engine on this machine
  --data DIR         that data folder (also LABRELAY_DATA)
`;

export interface ConnectionValues {
  url?: string | undefined;
  token?: string | undefined;
  data?: string | undefined;
}

/** Where the engine is, checked. */
export function engineUrl(values: ConnectionValues, { environment }: CommandIo): URL {
  const given =
    values.url ?? (environment['LABRELAY_URL'] || `http://${DEFAULT_HOST}:${DEFAULT_PORT}`);
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`--url: ${given} is no http or https URL, e.g. http://127.0.0.1:7420`);
  }
  if (url.pathname !== '/' || url.search || url.hash || url.username || url.password) {
    throw new UsageError(`--url: give scheme, name and port alone, e.g. ${url.origin}`);
  }
  return url;
}

/**
 * The user key: given, from the environment, or the engine's own `admin.token`. That file is read
 * for an engine on this machine only, so that a mistyped address is never handed an admin key.
 */
export function userKey(values: ConnectionValues, url: URL, { environment }: CommandIo): string {
  const given = values.token ?? environment['LABRELAY_TOKEN'];
  if (given) return given;
  const cure = 'Give --token or set LABRELAY_TOKEN.';
  if (!isThisMachine(url)) throw new UsageError(`No user key for ${url.origin}. ${cure}`);
  const file = join(
    asUsage(() => dataFolderOf(values.data, environment)),
    'admin.token',
  );
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw new UsageError(
      `No user key: ${file} ${why}. ${cure} Or name the data folder with --data.`,
      {
        cause: error,
      },
    );
  }
}

/** A client for a command's connection options, with a user key. */
export function openClient(values: ConnectionValues, io: CommandIo): EngineClient {
  const url = engineUrl(values, io);
  return new EngineClient(url, userKey(values, url, io));
}

/** What a route answered with a 2xx. */
export interface Answer {
  status: number;
  body: unknown;
  /** True where an earlier request's answer was given again (`Idempotency-Key`, `event_id`). */
  repeated: boolean;
}

/** A running engine, over its HTTP API. Failures are errors whose message says what to do. */
export class EngineClient {
  private readonly origin: string;
  private readonly key: string;
  private readonly pool: Pool;

  /** @param connections at most so many requests at once */
  constructor(url: URL, key: string, connections = 8) {
    this.origin = url.origin;
    this.key = key;
    this.pool = new Pool(url.origin, {
      connections,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  /** Calls a procedure of the contract. */
  async call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>> {
    const { body } = await this.post(`/api/v1/${kebabCase(name)}`, JSON.stringify(input));
    const schema: z.ZodType = contract[name].output;
    if (!schema.safeParse(body).success) {
      throw new Error(
        `${this.origin} answered ${name} in a form that this LabRelay does not know; is it of another version?`,
      );
    }
    // As it came: what a newer engine adds stays in it.
    return body as Output<N>;
  }

  /**
   * Posts JSON text to a route.
   * @throws LabRelayError for a problem document, with every field at fault in its message
   */
  async post(
    path: string,
    json: string,
    options: { idempotencyKey?: string } = {},
  ): Promise<Answer> {
    const { idempotencyKey } = options;
    try {
      const response = await this.pool.request({
        method: 'POST',
        path,
        headers: {
          authorization: `Bearer ${this.key}`,
          'content-type': 'application/json',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: json,
      });
      const text = await response.body.text();
      const body = parse(text);
      if (response.statusCode >= 200 && response.statusCode < 300 && body !== undefined) {
        const repeated = response.headers['idempotent-replayed'] === 'true';
        return { status: response.statusCode, body, repeated };
      }
      throw asProblem(body) ?? new Error(this.foreignAnswer(response.statusCode));
    } catch (error) {
      throw this.explained(error);
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private foreignAnswer(status: number): string {
    return `${this.origin} answered ${status} without a problem document; is it LabRelay?`;
  }

  /** Says what to do about a call that never got an answer. */
  private explained(error: unknown): unknown {
    if (error instanceof LabRelayError) return error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const because = (text: string) => new Error(`${this.origin}: ${text}`, { cause: error });
    if (code === 'ECONNREFUSED') {
      return because(
        'nothing listens there. Start the engine with "labrelay serve" (or open the desktop console), or name another with --url.',
      );
    }
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return because('the name is not known. Check --url.');
    if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
      return because(`no answer within ${ANSWER_TIMEOUT_MS / 1_000} s. Is the engine very busy?`);
    }
    if (code.includes('CERT') || code.includes('SIGNED') || code.startsWith('ERR_TLS')) {
      return because(
        `its certificate is not trusted (${code}). Name its authority in NODE_EXTRA_CA_CERTS.`,
      );
    }
    if (code.startsWith('HPE_') || code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
      return because('what listens there speaks another protocol. Check http or https in --url.');
    }
    if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') {
      return because('the connection broke before the answer came; ask again.');
    }
    return error;
  }
}

function isThisMachine({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON, so nothing that the engine wrote.
    return undefined;
  }
}

/** The error that a problem document tells of; undefined if the body is none. */
function asProblem(body: unknown): Error | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { code, detail, errors: given = [] } = body as Partial<Problem>;
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined;
  const message = [
    detail,
    // The first field usually stands in the detail already.
    ...given
      .filter(({ field, reason }) => !detail.includes(field) || !detail.includes(reason))
      .map(({ field, reason }) => `  ${field || 'body'}: ${reason}`),
  ].join('\n');
  return Object.hasOwn(ERROR_CODES, code)
    ? new LabRelayError(code, message, given)
    : new Error(message);
}
