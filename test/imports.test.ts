import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { violation } from './imports/rules.ts';
import { COMPUTED, specifiersOf } from './imports/specifiers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = globSync('src/**/*.{ts,tsx}', { cwd: root }).map((file) =>
  file.replaceAll('\\', '/'),
);

describe('who may import whom (docs/architecture.md)', () => {
  it('holds in every file of src', () => {
    expect(files.length).toBeGreaterThan(50);
    const violations = files.flatMap((file) =>
      specifiersOf(file, readFileSync(`${root}/${file}`, 'utf8')).flatMap(
        (specifier) => violation(file, specifier) ?? [],
      ),
    );
    expect(violations).toEqual([]);
  });
});

describe('the reading of imports', () => {
  it('sees every kind of import, types included', () => {
    const source = `
      import a from 'static';
      import type { B } from 'only-type';
      import { type C } from "inline-type";
      import 'side-effect';
      export * from 're-export-all';
      export { d } from
        're-export';
      const e = await import('dynamic');
      let f: import('type-expression').F;
      type G = typeof import('typeof-expression');
      const h = require('required');
    `;
    expect(specifiersOf('example.ts', source)).toEqual([
      'static',
      'only-type',
      'inline-type',
      'side-effect',
      're-export-all',
      're-export',
      'dynamic',
      'type-expression',
      'typeof-expression',
      'required',
    ]);
  });

  it('is not deceived by comments, strings, patterns or markup', () => {
    const source = `
      // import a from 'comment';
      /* export * from 'block'; */
      const b = "import c from 'string'";
      const d = /from '(.*)'/;
      const e = <p>import f from 'markup', it's text</p>;
    `;
    expect(specifiersOf('example.tsx', source)).toEqual([]);
  });

  it('tells of computed names', () => {
    expect(specifiersOf('example.ts', 'await import(name); require(`x`);')).toEqual([
      COMPUTED,
      COMPUTED,
    ]);
  });
});

describe('a planted violation is found', () => {
  it.each([
    ['shared imports Node', 'src/shared/model/a.ts', 'node:fs'],
    ['shared imports a library but zod', 'src/shared/model/a.ts', 'uuid'],
    ['shared imports main', 'src/shared/model/a.ts', '../../main/config.ts'],
    ['the engine imports the store', 'src/main/engine/queue/a.ts', '../../store/queue.ts'],
    ['the engine imports the server', 'src/main/engine/engine.ts', '../http/server.ts'],
    ['the engine imports a binding', 'src/main/engine/engine.ts', '../bridge/handler.ts'],
    ['the engine speaks SQL', 'src/main/engine/queue/a.ts', 'better-sqlite3'],
    ['the engine knows Fastify', 'src/main/engine/callback/a.ts', 'fastify'],
    ['the engine knows Electron', 'src/main/engine/payload/a.ts', 'electron'],
    ['the store imports the engine', 'src/main/store/a.ts', '../engine/queue/port.ts'],
    ['the server imports the store', 'src/main/http/a.ts', '../store/search.ts'],
    ['the HTTP half of the bridge knows Electron', 'src/main/bridge/handler.ts', 'electron'],
    ['the command line knows Electron', 'src/main/cli/serve.ts', 'electron'],
    ['a room imports what composes it', 'src/main/http/a.ts', '../host.ts'],
    ['the renderer imports main', 'src/renderer/src/a.ts', '../../main/config.ts'],
    ['the renderer imports Node', 'src/renderer/src/a.ts', 'fs/promises'],
    ['the renderer imports Electron', 'src/renderer/src/a.ts', 'electron/renderer'],
    ['the renderer imports a server library', 'src/renderer/src/a.ts', '@fastify/static'],
    ['preload imports main', 'src/preload/index.ts', '../main/bridge/ipc.ts'],
    ['src imports a test', 'src/main/host.ts', '../../test/peers/receiver.ts'],
    ['a computed import', 'src/main/host.ts', COMPUTED],
    ['a file outside of the house', 'src/main/utils/a.ts', 'node:fs'],
  ])('%s', (_what, path, specifier) => {
    expect(violation(path, specifier)).toContain(path);
  });

  it.each([
    ['src/shared/contract/logs.ts', 'zod'],
    ['src/main/engine/queue/a.ts', '../../../shared/errors.ts'],
    ['src/main/store/connection.ts', 'better-sqlite3'],
    ['src/main/http/server.ts', 'fastify'],
    ['src/main/bridge/ipc.ts', 'electron'],
    ['src/main/host.ts', './store/channel.ts'],
    ['src/preload/index.ts', 'electron'],
    ['src/renderer/src/main.tsx', 'react-dom/client'],
    ['src/renderer/src/main.tsx', './theme/theme.css'],
  ])('and a good one passes: %s imports %s', (path, specifier) => {
    expect(violation(path, specifier)).toBeNull();
  });
});
