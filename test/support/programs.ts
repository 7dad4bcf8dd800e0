import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const script = pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'programs.mjs')).href;

/**
 * Whether this machine has a program that a test needs and no package brings. `npm test` says what
 * is skipped without it, and fails where CI is set.
 */
export const { isInstalled } = (await import(script)) as {
  isInstalled: (name: string, environment?: NodeJS.ProcessEnv) => boolean;
};
