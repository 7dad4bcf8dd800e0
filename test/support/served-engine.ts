import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CallInput, Output, ProcedureName } from '../../src/shared/contract/index.ts';
import { kebabCase } from '../../src/shared/contract/procedure.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The built `labrelay serve` in a process of its own, on any free port and a fresh data folder. */
export class ServedEngine {
  readonly url: string;
  readonly dataFolder: string;
  readonly adminKey: string;
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    announced: { url: string; admin_token_file: string },
    dataFolder: string,
  ) {
    this.#child = child;
    this.url = announced.url;
    this.dataFolder = dataFolder;
    this.adminKey = readFileSync(announced.admin_token_file, 'utf8').trim();
  }

  static async start(): Promise<ServedEngine> {
    const dataFolder = mkdtempSync(join(tmpdir(), 'labrelay-served-'));
    const args = ['out/main/cli.js', 'serve', '--port', '0', '--data', dataFolder, '--json'];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const ended = once(child, 'exit').then(() => {
      throw new Error(`serve ended before it listened: ${errors}`);
    });
    const [text] = await Promise.race([line, ended]);
    return new ServedEngine(child, JSON.parse(text), dataFolder);
  }

  /** Calls a console procedure as the administrator. */
  call<N extends ProcedureName>(name: N, input: CallInput<N>): Promise<Output<N>> {
    return this.post(`/api/v1/${kebabCase(name)}`, input, this.adminKey);
  }

  /** Posts JSON; anything but a 2xx throws with the answer's text. */
  async post<T>(path: string, body: unknown, key: string): Promise<T> {
    const answer = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json() as Promise<T>;
  }

  /** Stops it as SIGTERM does: drained. Idempotent. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }

  /** Stops it and removes its data. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.dataFolder, { recursive: true, force: true });
  }
}
