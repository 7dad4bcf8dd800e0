import { create, type Delta } from 'jsondiffpatch';
import { isJsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** One place in which two bodies differ. */
export interface Difference {
  /** JSON pointer (RFC 6901): into the later body, and for what was removed into the former. */
  path: string;
  kind: 'ADDED' | 'REMOVED' | 'CHANGED' | 'MOVED';
  /** Undefined where it was added. */
  before?: JsonValue;
  /** Undefined where it was removed. */
  after?: JsonValue;
}

/** Longest body (characters) that is compared value by value. */
const LONGEST_BODY = 512 * 1024;
/**
 * Most that is compared within lists. It grows with the square of a list's length, so this is one of a
 * thousand items or fifteen of three hundred; the engine does nothing else meanwhile.
 */
const MOST_COMPARED = 1_500_000;
/** Deeper values are not followed. Real documents are flat, and nobody may overflow the stack. */
const DEEPEST = 64;

/** Names of a member by which objects in a list are told apart, the best first. */
const IDENTITIES = ['id', 'code', 'key', 'number', 'name'];

const differ = create({
  // A test that was added in the middle of a bill is one difference, not a change of all behind it.
  objectHash: (item) => identityOf(item),
  matchByPosition: true,
  arrays: { detectMove: true, includeValueOnMove: true },
  cloneDiffValues: false,
});

/**
 * How two bodies differ, as JSON; bodies that are no JSON are one value each. Of what is too large to be
 * compared it is told only that it differs, without the values.
 * @returns by their place in the bodies; empty where they mean the same
 */
export function differences(before: string, after: string): Difference[] {
  if (before === after) return [];
  if (Math.max(before.length, after.length) > LONGEST_BODY) return [{ path: '', kind: 'CHANGED' }];
  const [former, later] = [valueOf(before), valueOf(after)];
  if (comparedIn(former, 0) > MOST_COMPARED || comparedIn(later, 0) > MOST_COMPARED)
    return [{ path: '', kind: 'CHANGED' }];
  const found: Difference[] = [];
  collect(differ.diff(former, later), '', former, later, found);
  return found;
}

/** Longest place that is kept (characters): a member may be called anything. */
const LONGEST_PATH = 200;

/** Where two bodies differ, without values: what may be kept beside an attempt. */
export function changedPaths(before: string, after: string, atMost = 50): string[] {
  return differences(before, after)
    .slice(0, atMost)
    .map(({ path }) => path.slice(0, LONGEST_PATH));
}

function collect(
  delta: Delta,
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  found: Difference[],
): void {
  if (delta === undefined) return;
  if (Array.isArray(delta)) {
    found.push(leafOf(delta, path, before, after));
    return;
  }
  const isList = '_t' in delta;
  for (const [name, inner] of Object.entries(delta) as [string, Delta][]) {
    if (isList && name === '_t') continue;
    const isFormer = isList && name.startsWith('_');
    const key = isFormer ? name.slice(1) : name;
    const isMove = Array.isArray(inner) && inner[2] === 3;
    const to = isMove ? String(inner[1]) : key;
    collect(
      inner,
      `${path}/${escape(to)}`,
      // In a list the former place of what is changed in its place is not told; its value is not needed.
      isList && !isFormer ? undefined : member(before, key),
      isFormer && !isMove ? undefined : member(after, to),
      found,
    );
  }
}

function leafOf(
  delta: readonly unknown[],
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): Difference {
  if (delta.length === 1) return { path, kind: 'ADDED', after: delta[0] as JsonValue };
  if (delta.length === 2) {
    return {
      path,
      kind: 'CHANGED',
      before: delta[0] as JsonValue,
      after: delta[1] as JsonValue,
    };
  }
  if (delta[2] === 3) {
    return { path, kind: 'MOVED', ...(after === undefined ? {} : { before: after, after }) };
  }
  return { path, kind: 'REMOVED', before: (delta[0] ?? before ?? null) as JsonValue };
}

function identityOf(item: object): string | undefined {
  if (!isJsonObject(item)) return undefined;
  const names = [...Object.keys(item).filter((name) => name.endsWith('_id')), ...IDENTITIES];
  for (const name of names) {
    const value = item[name];
    if (typeof value === 'string' || typeof value === 'number') return `${name}=${value}`;
  }
  return undefined;
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (Array.isArray(value)) return value[Number(key)];
  return isJsonObject(value) ? value[key] : undefined;
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** What there is to compare within the lists of a value; without end where it is too deep. */
function comparedIn(value: JsonValue, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === DEEPEST) return Infinity;
  const own = Array.isArray(value) ? value.length ** 2 : 0;
  return Object.values(value).reduce<number>(
    (sum, inner) => sum + comparedIn(inner, depth + 1),
    own,
  );
}

function valueOf(body: string): JsonValue {
  try {
    return JSON.parse(body) as JsonValue;
  } catch {
    return body;
  }
}
