import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

const require = createRequire(import.meta.url);

/** The builder's own reading and validating of a configuration; it has no public entry for it. */
const { getConfig, validateConfiguration } =
  require('app-builder-lib/out/util/config/config.js') as {
    getConfig: (folder: string, file: string, extra: object | null) => Promise<object>;
    validateConfiguration: (config: object, debug: object) => Promise<void>;
  };
const { DebugLogger } = require('builder-util') as { DebugLogger: new (on: boolean) => object };

const root = new URL('..', import.meta.url).pathname;

it('is a configuration that the builder takes', async () => {
  const config = await getConfig(root, 'electron-builder.yml', null);
  await expect(validateConfiguration(config, new DebugLogger(false))).resolves.toBeUndefined();
});

it('is really validated: a key that the builder does not know is refused', async () => {
  const config = await getConfig(root, 'electron-builder.yml', null);
  await expect(
    validateConfiguration({ ...config, asarUnpacked: [] }, new DebugLogger(false)),
  ).rejects.toThrow(/asarUnpacked/);
});

it('unpacks every entry that is started as a file of its own', async () => {
  const { asarUnpack } = (await getConfig(root, 'electron-builder.yml', null)) as {
    asarUnpack: string[];
  };
  const build = readFileSync(new URL('../electron.vite.config.ts', import.meta.url), 'utf8');
  const separate = [...build.matchAll(/'([a-z-]+-(?:worker|child))':/g)].map((match) => match[1]);
  expect(separate).toEqual(['store-worker', 'mapping-child']);
  for (const entry of separate) expect(asarUnpack).toContain(`out/main/${entry}.js`);
});
