import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';

const CHILD = new URL('../../src/main/engine/payload/mapping-child.ts', import.meta.url);

/** Plays an engine that has just handed out a job; prints the child's pid once the child is ready. */
const ENGINE = `
import { fork } from 'node:child_process';
const child = fork(new URL(process.argv[1]), { env: {}, execArgv: [], serialization: 'advanced' });
child.once('message', () => {
  const bindings = { log_id: 'L', event_id: null, lab_id: 1, action_category: 'X' };
  const job = { id: 1, mapping: process.argv[2], input: '{}', bindings };
  child.send({ jobs: [job] }, () => process.stdout.write(child.pid + '\\n'));
});
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // A zombie has ended; it only waits for somebody to ask.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // No /proc on this system (then signal 0 has told), or gone this moment.
    return process.platform !== 'linux';
  }
}

let engine: ChildProcess | null = null;
afterEach(() => engine?.kill('SIGKILL'));

test.each([
  ['idle', '1'],
  ['caught in a regular expression', `$match("${'a'.repeat(40)}!", /^(a+)+$/)`],
])('the mapping process, %s, does not outlive a killed engine', async (_state, mapping) => {
  const args = ['--input-type=module', '-e', ENGINE, CHILD.href, mapping];
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  engine = started;
  const pid = await new Promise<number>((resolve, reject) => {
    started.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())));
    started.once('exit', () => reject(new Error('The engine’s stand-in ended too early.')));
  });
  expect(isAlive(pid)).toBe(true);
  started.kill('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 15_000, interval: 100 });
});
