import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { root, say } from './paths.mjs';
import { environment } from './runtime.mjs';

const FETCH_LIMIT_MS = 120_000;
/** An Electron that dies by a signal this soon could not open its first window. */
const EARLY_MS = 15_000;
const MISSING_LIBRARY = 127;

const folder = join(root, 'node_modules', 'electron');

/**
 * Opens the desktop console, if this machine can.
 *
 * @returns {Promise<{ended: {code: number|null, signal: string|null}} | {reason: string}>}
 *   how Electron ended, or in one line why there is no desktop
 */
export async function openDesktop(node, args) {
  const obstacle = noDesktop();
  if (obstacle) return { reason: obstacle };
  if (!electronBinary()) await fetchElectron(node);
  const binary = electronBinary();
  if (!binary) return { reason: 'Electron could not be fetched (is the network reachable?)' };

  const env = environment(node);
  // Inherited from some editors' terminals, it would make Electron a plain Node.
  delete env.ELECTRON_RUN_AS_NODE;
  const started = Date.now();
  const ended = await runChild(binary, [root, ...args], { env });
  const crashed =
    ended.signal === 'SIGTRAP' || ended.signal === 'SIGABRT' || ended.signal === 'SIGSEGV';
  if (ended.code === MISSING_LIBRARY || (crashed && Date.now() - started < EARLY_MS)) {
    return {
      reason: `Electron does not run here (${ended.signal ?? 'a system library is missing'})`,
    };
  }
  return { ended };
}

function noDesktop() {
  if (process.platform !== 'linux') return null;
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return 'There is no display';
  // Chromium refuses to run as root with its sandbox, and LabRelay never runs without it.
  if (process.getuid?.() === 0) return 'Electron does not run as root';
  return null;
}

/** Electron's binary for this platform, or null while it is not fetched. */
function electronBinary() {
  const name = join(folder, 'path.txt');
  if (!existsSync(name)) return null;
  const binary = join(folder, 'dist', readFileSync(name, 'utf8').trim());
  return existsSync(binary) ? binary : null;
}

/** The package brings types only; its own script fetches the binary, checked by its checksums. */
async function fetchElectron(node) {
  say('fetching Electron (once, about 120 MB) …');
  const { code, signal, output } = await runChild(node, [join(folder, 'install.js')], {
    env: environment(node),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeoutMs: FETCH_LIMIT_MS,
  });
  if (signal === 'SIGKILL') say(`Electron was not fetched within ${FETCH_LIMIT_MS / 1000} s`);
  else if (code !== 0) say(output.trim().split('\n')[0] ?? 'fetching Electron failed');
}
