import { spawn } from 'node:child_process';
import { root } from './paths.mjs';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program in the checkout's folder until it ends, handing on the signals that we are sent.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {import('node:child_process').StdioOptions} [options.stdio] default: all inherited
 * @param {number} [options.timeoutMs] after this the program is killed
 * @param {boolean} [options.shell] needed for `.cmd` files on Windows
 * @returns {Promise<{code: number|null, signal: string|null, output: string}>} `output`
 *   is what came over piped streams
 */
export function runChild(command, args, options = {}) {
  const { env = process.env, stdio = 'inherit', timeoutMs, shell = false } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio, shell });
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));

    const stopForwarding = forwardSignals(child);
    const timer = timeoutMs && setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const finish = () => {
      stopForwarding();
      clearTimeout(timer);
    };
    child.once('error', (error) => {
      finish();
      reject(error);
    });
    child.once('close', (code, signal) => {
      finish();
      resolve({ code, signal, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** Hands our signals on to the child; returns the function that stops it. */
function forwardSignals(child) {
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  let isForwarded = false;
  const forward = (signal) => {
    // Ctrl-C reaches the whole foreground group; a second SIGINT would read as "do not drain".
    if (signal === 'SIGINT' && onTerminal) return;
    isForwarded = true;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);

  // A SIGTERM to `npm start` ends npm and its shell but never reaches us: the change of parent is
  // all there is to see of it. Without this the engine would live on, holding its port.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (!isForwarded) child.kill('SIGTERM');
  }, 500);
  if (!process.env.npm_lifecycle_event) clearInterval(watch);

  return () => {
    clearInterval(watch);
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/** Ends this process as the child ended: same exit code, or same signal. */
export function endLike({ code, signal }) {
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code ?? 1;
}
