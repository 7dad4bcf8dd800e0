import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The package's version; its file is two folders up from the sources and from the build alike. */
export const VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version;
