/**
 * The bootstrap behind every npm script: installs what is missing, builds what is stale, then runs
 * the target under Node 24. It is plain JavaScript without dependencies, since it runs before any
 * is there, under whatever Node (≥ 20) the machine has.
 */
import { ensureBuilt } from './build.mjs';
import { check } from './check.mjs';
import { endLike, runChild } from './child.mjs';
import { openDesktop } from './desktop.mjs';
import { ensureInstalled } from './install.mjs';
import { Failure, say } from './paths.mjs';
import { engineFlags, environment, requireNode, tool } from './runtime.mjs';

const CLI = 'out/main/cli.js';

/** @type {Record<string, (node: string, args: string[]) => Promise<void>>} */
const TARGETS = {
  /** The desktop console, or where there can be none the same console by `serve`. */
  async start(node, args) {
    await ensureBuilt(node);
    const desktop = await openDesktop(node, args);
    if ('ended' in desktop) return endLike(desktop.ended);
    say(`${desktop.reason}; opening the console by "labrelay serve".`);
    await runNode(node, [...engineFlags, CLI, 'serve', ...args]);
  },
  async labrelay(node, args) {
    await ensureBuilt(node);
    await runNode(node, [...engineFlags, CLI, ...args]);
  },
  test: check,
  build: (node) => ensureBuilt(node, { force: true }),
  /** A tool of node_modules/.bin. */
  async exec(node, [name, ...args]) {
    if (!name) throw new Failure('exec: name the tool to run', 2);
    const { command, shell } = tool(name);
    endLike(await runChild(command, args, { env: environment(node), shell }));
  },
};

async function runNode(node, args) {
  endLike(await runChild(node, args, { env: environment(node) }));
}

try {
  const [name, ...args] = process.argv.slice(2);
  const target = TARGETS[name];
  if (!target)
    throw new Failure(`usage: run.mjs <${Object.keys(TARGETS).join('|')}> [arguments]`, 2);
  await ensureInstalled();
  await target(requireNode(), args);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}
