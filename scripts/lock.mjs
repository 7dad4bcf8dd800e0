import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimes,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, say } from './paths.mjs';

const FOLDER = join(root, '.labrelay');
const HEARTBEAT_MS = 5_000;
/** A holder that has not touched its lock for so long is gone, whoever has its pid now. */
const STALE_MS = 60_000;

/**
 * Does work that two runs in one checkout must not do at once.
 *
 * @template T
 * @param {string} name e.g. `install`
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, work) {
  const lock = join(FOLDER, `${name}.lock`);
  mkdirSync(FOLDER, { recursive: true });
  let told = false;
  while (!acquire(lock)) {
    if (isAbandoned(lock)) {
      breakLock(lock);
      continue;
    }
    if (!told) say(`another run is busy with the ${name} step; waiting for it`);
    told = true;
    await sleep(200);
  }
  const heartbeat = setInterval(() => {
    // A heartbeat that fails needs no care of its own: the lock then counts as abandoned.
    utimes(lock, new Date(), new Date(), () => {});
  }, HEARTBEAT_MS);
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    process.off('exit', release);
    release();
  }
}

/** Takes the lock if it is free. The folder appears with its pid inside, in one step. */
function acquire(lock) {
  const own = `${lock}.${process.pid}`;
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own);
  writeFileSync(join(own, 'pid'), String(process.pid));
  try {
    renameSync(own, lock);
    return true;
  } catch (error) {
    rmSync(own, { recursive: true, force: true });
    // ENOTEMPTY and EEXIST on POSIX, EPERM and EACCES on Windows: someone holds it.
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'].includes(error.code)) return false;
    throw error;
  }
}

function isAbandoned(lock) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > STALE_MS) return true;
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    // ESRCH: no such process. ENOENT: released meanwhile, so the next acquire decides.
    return error.code === 'ESRCH';
  }
}

/**
 * Removes an abandoned lock. Of several runs that saw it abandoned one does it, looking again
 * first: the lock may be a newer, living one by now.
 */
function breakLock(lock) {
  const guard = `${lock}.break`;
  try {
    mkdirSync(guard);
  } catch {
    rmIfOld(guard);
    return;
  }
  try {
    if (isAbandoned(lock)) rmSync(lock, { recursive: true, force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}

/** The guard's holder died within the few microseconds that it holds it. */
function rmIfOld(guard) {
  const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > STALE_MS) rmSync(guard, { recursive: true, force: true });
}
