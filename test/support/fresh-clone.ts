import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = process.platform === 'win32' ? 'win' : process.platform;
const RUNTIME = `node_modules/node-${platform}-${process.arch}`;

/** A stand-in for `npm ci`: puts in place what the lockfile names, and notes that it was called. */
const FAKE_NPM = `
const fs = require('node:fs');
fs.appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n');
console.log('npm writes to its standard output');
if (fs.existsSync('registry-is-down')) process.exit(1);
fs.mkdirSync('${RUNTIME}/bin', { recursive: true });
fs.rmSync('${RUNTIME}/bin/node', { force: true });
fs.symlinkSync(process.env.TEST_NODE, '${RUNTIME}/bin/node');
fs.mkdirSync('node_modules/.bin', { recursive: true });
fs.copyFileSync('fake-builder', 'node_modules/.bin/electron-vite');
setTimeout(() => fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json'), 300);
`;

/** A stand-in for electron-vite: builds a command line out of the one source. */
const FAKE_BUILDER = `#!/usr/bin/env node
const fs = require('node:fs');
fs.appendFileSync('builds', process.version + '\\n');
console.log('the builder chatters');
const source = fs.readFileSync('src/cli.js', 'utf8');
if (source.includes('syntax error')) { console.error('src/cli.js does not parse'); process.exit(1); }
fs.mkdirSync('out/main', { recursive: true });
fs.writeFileSync('out/main/cli.js', source);
`;

export interface Ended {
  /** Exit code, or the name of the signal. */
  how: number | string;
  stdout: string;
  stderr: string;
}

/** A checkout as it is after cloning, with real bootstrap scripts and stand-ins for npm and builder. */
export class FreshClone {
  readonly folder = mkdtempSync(join(tmpdir(), 'labrelay-clone-'));

  constructor(cli: string) {
    cpSync(join(root, 'scripts'), join(this.folder, 'scripts'), { recursive: true });
    this.write('package.json', '{"type":"commonjs"}');
    this.lock('1.0.0');
    this.write('electron.vite.config.ts', '');
    this.write('src/cli.js', cli);
    this.write('npm-cli.js', FAKE_NPM);
    this.write('fake-builder', FAKE_BUILDER);
    chmodSync(join(this.folder, 'fake-builder'), 0o755);
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }

  /** Writes a lockfile that names one package in this version, and the runtime. */
  lock(version: string): void {
    const packages = {
      '': {},
      'node_modules/fastify': { version },
      'node_modules/fsevents': { version: '1.0.0', optional: true },
      [RUNTIME]: { version: '24.0.0', optional: true },
    };
    this.write('package-lock.json', JSON.stringify({ packages }));
  }

  /** Starts the bootstrap as an npm script would. */
  spawn(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, ['scripts/run.mjs', ...args], {
      cwd: this.folder,
      env: {
        ...process.env,
        npm_execpath: join(this.folder, 'npm-cli.js'),
        TEST_NODE: process.execPath,
        DISPLAY: undefined,
        WAYLAND_DISPLAY: undefined,
        ...env,
      },
    });
  }

  /** Runs the bootstrap to its end. */
  run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return endOf(this.spawn(args, env));
  }

  /** How often `npm ci` ran, with which arguments. */
  get installs(): string[] {
    return this.#lines('installs');
  }

  /** How often the builder ran, under which Node. */
  get builds(): string[] {
    return this.#lines('builds');
  }

  #lines(file: string): string[] {
    const path = join(this.folder, file);
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits for a process and gathers what it wrote. */
export async function endOf(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  const [code, signal] = await once(child, 'close');
  return { how: code ?? signal, stdout, stderr };
}
