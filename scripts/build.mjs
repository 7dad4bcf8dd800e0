import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { withLock } from './lock.mjs';
import { Failure, root, say } from './paths.mjs';
import { environment, tool } from './runtime.mjs';

const STAMP = join(root, 'out', '.built');
const INPUTS = ['src', 'electron.vite.config.ts', 'package.json', 'package-lock.json'];

/** Builds main, preload and renderer into out/, if a source has changed since the last build. */
export async function ensureBuilt(node, { force = false } = {}) {
  if (!force && isFresh()) return;
  await withLock('build', async () => {
    if (force || !isFresh()) await build(node);
  });
}

function isFresh() {
  return (
    existsSync(STAMP) &&
    existsSync(join(root, 'out', 'main', 'cli.js')) &&
    readFileSync(STAMP, 'utf8') === fingerprint()
  );
}

/** Names, sizes and times of all inputs in one hash: a deleted file counts as a change as well. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of INPUTS.flatMap((input) => filesUnder(join(root, input)))) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return `${hash.digest('hex')}\n`;
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  // Sorted, since the order in which a file system lists a folder is not a property of its content.
  const names = readdirSync(path).sort((a, b) => (a < b ? -1 : 1));
  return names.flatMap((name) => filesUnder(join(path, name)));
}

async function build(node) {
  say('building …');
  const started = Date.now();
  // Taken before the build: what changes while it runs is built the next time.
  const built = fingerprint();
  rmSync(STAMP, { force: true });
  const { command, shell } = tool('electron-vite');
  const { code, output } = await runChild(command, ['build', '--logLevel', 'warn'], {
    env: environment(node),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell,
  });
  if (code !== 0) {
    process.stderr.write(output);
    throw new Failure('the build failed, see above');
  }
  writeFileSync(STAMP, built);
  say(`built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
