import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { COMPUTED } from './specifiers.ts';

/** The parts of the house. `composition` is what puts the others together. */
type Area =
  | 'shared'
  | 'store'
  | 'engine'
  | 'http'
  | 'bridge'
  | 'desktop'
  | 'composition'
  | 'preload'
  | 'renderer';

interface Rule {
  /** Other areas whose files it may import. */
  areas: Area[];
  /** Packages it may import; `any`: those that no other area owns. */
  packages: 'any' | string[];
  /** Whether it may import Node's own modules. */
  node: boolean;
}

const RULES: Record<Area, Rule> = {
  shared: { areas: [], packages: ['zod'], node: false },
  store: { areas: ['shared'], packages: 'any', node: true },
  engine: { areas: ['shared'], packages: 'any', node: true },
  http: { areas: ['engine', 'shared', 'bridge'], packages: 'any', node: true },
  bridge: { areas: ['engine', 'shared'], packages: 'any', node: true },
  desktop: { areas: ['shared'], packages: 'any', node: true },
  composition: {
    areas: ['shared', 'store', 'engine', 'http', 'bridge', 'desktop'],
    packages: 'any',
    node: true,
  },
  preload: { areas: ['shared'], packages: [], node: false },
  renderer: { areas: ['shared'], packages: ['react', 'react-dom', 'zustand'], node: false },
};

/** Libraries that only some files may touch, by the beginning of their path. */
const OWNERS: [library: RegExp, owners: string[]][] = [
  [
    /^electron$/,
    ['src/main/index.ts', 'src/main/desktop/', 'src/main/bridge/ipc.ts', 'src/preload/'],
  ],
  [/^better-sqlite3$/, ['src/main/store/']],
  [/^(@fastify\/|fastify$|fastify-)/, ['src/main/http/']],
];

/** @returns null for files outside of every area */
function areaOf(path: string): Area | null {
  const match =
    /^src\/(?:main\/(store|engine|http|bridge|desktop)|(shared|preload|renderer))\//.exec(path);
  const name = match?.[1] ?? match?.[2];
  if (name) return name as Area;
  return /^src\/main\/([^/]+\.ts|cli\/.+)$/.test(path) ? 'composition' : null;
}

/**
 * What is wrong with one import, in a sentence; null where nothing is.
 *
 * @param path      of the importing file, from the checkout's folder, with slashes
 * @param specifier as it is written there
 */
export function violation(path: string, specifier: string): string | null {
  const area = areaOf(path);
  if (!area) return `${path} lies outside of the house; see docs/architecture.md`;
  if (specifier === COMPUTED) return `${path} imports a computed name, which no rule can hold`;
  return specifier.startsWith('.')
    ? fileViolation(path, area, specifier)
    : packageViolation(path, area, specifier);
}

function fileViolation(path: string, area: Area, specifier: string): string | null {
  const target = posix.join(posix.dirname(path), specifier);
  const targetArea = areaOf(target);
  if (targetArea === area || (targetArea && RULES[area].areas.includes(targetArea))) return null;
  return `${path} (${area}) may not import ${target} (${targetArea ?? 'outside of src'})`;
}

function packageViolation(path: string, area: Area, specifier: string): string | null {
  const rule = RULES[area];
  if (isBuiltin(specifier)) return rule.node ? null : `${path} may not import ${specifier}`;
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
  const owners = OWNERS.find(([library]) => library.test(name))?.[1];
  if (owners) {
    const isOwner = owners.some((owner) => path.startsWith(owner));
    return isOwner ? null : `${path} may not import ${name}: only ${owners.join(', ')} may`;
  }
  const isAllowed = rule.packages === 'any' || rule.packages.includes(name);
  return isAllowed ? null : `${path} (${area}) may not import the package ${name}`;
}
