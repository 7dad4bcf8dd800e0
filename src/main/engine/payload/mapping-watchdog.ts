import { Worker } from 'node:worker_threads';

/** Seconds after which a job has outlived the engine's own kill timer (1 s) for certain. */
const LIMIT_S = 3;

/**
 * Runs as a thread of its own, given as text so that it needs no file beside the bundle. A job that
 * blocks the main thread cannot keep this one from looking.
 */
const WATCH = `
const { workerData: job } = require('node:worker_threads');
let seen = 0;
let seconds = 0;
setInterval(() => {
  const current = Atomics.load(job, 0);
  seconds = current !== 0 && current === seen ? seconds + 1 : 0;
  seen = current;
  if (seconds >= ${LIMIT_S}) process.kill(process.pid, 'SIGKILL');
}, 1000);
`;

/**
 * Ends this child where a job never ends and the engine is no longer there to kill it: a process
 * caught in a regular expression hears of no 'disconnect', and would burn a core for ever after
 * the engine's crash.
 *
 * @returns tells the watchdog the number of the job that begins, 0 when it has ended
 */
export function startWatchdog(): (job: number) => void {
  const current = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(WATCH, { eval: true, workerData: current });
  worker.unref();
  return (job) => {
    Atomics.store(current, 0, job);
  };
}
