import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..');

/**
 * The built command line, as it is shipped; built first where a source has changed since the last
 * build, so that a test started by itself never tries an old one.
 */
export async function builtCli(): Promise<string> {
  const script = pathToFileURL(join(root, 'scripts', 'build.mjs')).href;
  const build = (await import(script)) as { ensureBuilt: (node: string) => Promise<void> };
  await build.ensureBuilt(process.execPath);
  return join(root, 'out', 'main', 'cli.js');
}
