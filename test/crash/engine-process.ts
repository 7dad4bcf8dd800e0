import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CallInput, Output, ProcedureName } from '../../src/shared/contract/index.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';

/** How a process ended. */
interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The built engine (`labrelay serve`) in a process of its own, on any free port: made to be killed. */
export class EngineProcess {
  readonly dataFolder: string;
  readonly ended: Promise<Ending>;
  /** Its address once it listens; null where it ended before. */
  readonly listening: Promise<string | null>;
  readonly #child: ChildProcess;
  #errors = '';

  /**
   * @param cli the built command line
   * @param failpoint where it is to end itself, see src/shared/failpoint.ts
   * @param port where it is to be found again after a crash; 0: any free one
   */
  constructor(cli: string, dataFolder: string, failpoint?: string, port = 0) {
    this.dataFolder = dataFolder;
    const { LABRELAY_ADMIN_TOKEN: _token, LABRELAY_KEY: _key, ...env } = process.env;
    const child = spawn(
      process.execPath,
      [cli, 'serve', '--port', String(port), '--data', dataFolder, '--json'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: failpoint === undefined ? env : { ...env, LABRELAY_FAILPOINT: failpoint },
      },
    );
    this.#child = child;
    child.stderr.on('data', (chunk) => (this.#errors += String(chunk)));
    this.ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    this.listening = Promise.race([
      line.then(([text]) => (JSON.parse(text) as { url: string }).url),
      this.ended.then(() => null),
    ]);
  }

  /** Its address. @throws Error where it ended before it listened */
  async url(): Promise<string> {
    const url = await this.listening;
    if (url === null) throw new Error(`serve ended before it listened: ${this.#errors}`);
    return url;
  }

  /** Posts JSON with a key. */
  async post(
    path: string,
    body: unknown,
    key: string,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return fetch((await this.url()) + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${key}`,
        ...headers,
      },
      body: JSON.stringify(body),
    });
  }

  /** Calls a console procedure as administrator; anything but a 200 throws with the answer's text. */
  async call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>> {
    await this.url();
    const key = readFileSync(join(this.dataFolder, 'admin.token'), 'utf8').trim();
    const answer = await this.post(procedurePath(name), input, key);
    if (answer.status !== 200) throw new Error(`${name}: ${await answer.text()}`);
    return (await answer.json()) as Output<N>;
  }

  /** Kills it as a power cut would, whatever it does. Idempotent. */
  async kill(): Promise<Ending> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  /** Has it stop as an operator would: drained. */
  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}
