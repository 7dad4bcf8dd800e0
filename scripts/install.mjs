import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runChild } from './child.mjs';
import { withLock } from './lock.mjs';
import { Failure, root, say } from './paths.mjs';
import { findNode, runtimeFolder } from './runtime.mjs';

/** Brings node_modules to what package-lock.json says, if it is not so already. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  await withLock('install', async () => {
    // Another run may have done it while we waited.
    if (!isInstalled()) await install();
  });
}

/**
 * Whether every package of the lockfile is there in its version. Optional and peer packages may be
 * missing for good reasons (another platform's binaries), except our own runtime.
 */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (!wanted) throw new Failure('package-lock.json cannot be read; check the file out again');
  if (!present) return false;
  const complete = Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      entry.optional ||
      entry.devOptional ||
      entry.peer ||
      present[path]?.version === entry.version,
  );
  return complete && (findNode() !== null || wanted[runtimeFolder] === undefined);
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return null;
  }
}

async function install() {
  say('installing the packages of package-lock.json (once, about a minute) …');
  const started = Date.now();
  const npm = npmCommand();
  const args = [
    ...npm.args,
    'ci',
    // No package may run code at install time; those that would build ship prebuilt binaries.
    '--ignore-scripts',
    // Whatever NODE_ENV or the user's npm settings say: tests and build need all of it.
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    // `npm run -s` hands its silence down; a failure must still tell why.
    '--loglevel=error',
  ];
  const { code, signal } = await runChild(npm.command, args, {
    // npm's own output goes to standard error: standard output belongs to the command.
    stdio: ['ignore', 2, 2],
    shell: npm.shell,
  }).catch((error) => {
    throw new Failure(`npm could not be started (${error.message}); install Node.js with npm`);
  });
  if (signal) throw new Failure('installing was interrupted; run the command again');
  if (code !== 0) {
    throw new Failure(
      `installing failed (npm ci ended with code ${code}, see above). The package registry must be ` +
        'reachable for this one step: check network, proxy and `npm config get registry`, then run ' +
        'the command again.',
    );
  }
  say(`installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** The npm that started us, else the one on PATH. */
function npmCommand() {
  const running = process.env.npm_execpath;
  if (running && basename(running).startsWith('npm-cli')) {
    return { command: process.execPath, args: [running], shell: false };
  }
  return { command: 'npm', args: [], shell: process.platform === 'win32' };
}
