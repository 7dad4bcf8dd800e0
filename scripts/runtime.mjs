import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Failure, root } from './paths.mjs';

/** LabRelay's own runtime; the machine's Node only has to start this bootstrap. */
const NEEDED = 24;

const windows = process.platform === 'win32';

/** The folder of the package that holds Node 24 for this platform; npm says `win`, Node `win32`. */
export const runtimeFolder = `node_modules/node-${windows ? 'win' : process.platform}-${process.arch}`;

/** Node 24 as the lockfile brings it for this platform, or the running one if new enough; or null. */
export function findNode() {
  const packaged = join(root, runtimeFolder, 'bin', windows ? 'node.exe' : 'node');
  if (existsSync(packaged)) return packaged;
  return Number(process.versions.node.split('.')[0]) >= NEEDED ? process.execPath : null;
}

/**
 * @returns {string} Node 24's binary
 * @throws Failure where this platform has none and the running Node is older
 */
export function requireNode() {
  const node = findNode();
  if (node) return node;
  throw new Failure(
    `Node ${NEEDED} or newer is needed. For ${process.platform}-${process.arch} it is not among the ` +
      `packages, and this is Node ${process.versions.node}. Install Node ${NEEDED} ` +
      '(https://nodejs.org) and run the command again.',
  );
}

/**
 * Flags of the engine's process. V8 sizes its heap for throughput on large machines: left alone it
 * lets a busy engine grow by 100 MiB of garbage before it collects, on a lab PC that has better uses
 * for them. What it makes is short-lived: room for it in the young generation saves more collecting
 * than the doubling at most of the old one (V8 would let it grow up to fourfold) costs.
 */
export const engineFlags = [
  '--max-semi-space-size=16',
  '--initial-old-space-size=24',
  '--heap-growing-percent=100',
];

/** glibc keeps an arena of freed memory for each thread that ever needed one; two are enough. */
const ALLOCATOR = { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2' };

/** The environment in which `node` means Node 24. */
export function environment(node) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  return {
    ...process.env,
    ...ALLOCATOR,
    [name]: `${dirname(node)}${delimiter}${process.env[name] ?? ''}`,
  };
}

/** Command and arguments that run a tool of `node_modules/.bin`; needs {@link environment}. */
export function tool(name) {
  const command = join(root, 'node_modules', '.bin', windows ? `${name}.cmd` : name);
  if (!existsSync(command)) throw new Failure(`there is no tool named ${name} in node_modules`, 2);
  return { command, shell: windows };
}
