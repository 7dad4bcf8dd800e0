import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** The browser of the end-to-end tests; see playwright.config.ts. */
export const CHROMIUM = process.env.LABRELAY_CHROMIUM ?? '/usr/bin/chromium';

/**
 * Whether a program can be run: an absolute path, or a name that is looked for on PATH.
 *
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [environment]
 */
export function isInstalled(name, environment = process.env) {
  if (isAbsolute(name)) return isProgram(name);
  const folders = (environment.PATH ?? environment.Path ?? '').split(delimiter).filter(Boolean);
  const endings = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  return folders.some((folder) => endings.some((end) => isProgram(join(folder, name + end))));
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
