import { isCredentialHeader, isCredentialParameter } from '../../../../shared/credential-names.ts';
import type { LegacyRoute } from '../../../../shared/contract/legacy.ts';
import type { JsonObject, JsonValue } from '../../../../shared/model/json.ts';
import { type KnownCredentials, maskAnswer } from '../../dispatch/known-credentials.ts';
import { MASK } from '../../dispatch/masking.ts';
import type { Named } from './names.ts';

/** Kept of a body (UTF-16 units of its JSON). */
const KEPT = 16 * 1024;
/** Deeper parts are not kept; nobody may overflow the stack. */
const DEEPEST = 40;

const WHO: Record<LegacyRoute, string> = {
  '/integration_status_callback/': 'An older integration',
  '/jio_integration_status_callback/': 'A Jio integration',
};

/**
 * One sentence that everybody may read: of the sender's words only those that are no data. What it has
 * told stands in the detail, which is masked like a body.
 */
export function noteOf(route: LegacyRoute, { status, code }: Named): string {
  const told = [
    status === null ? '' : `status ${status}`,
    code === null ? '' : `code ${code}`,
  ].filter(Boolean);
  const what = told.length > 0 ? told.join(', ') : 'a status in its own words';
  return `${WHO[route]} reported ${what} (${route}). It changes nothing; the detail has all of it.`;
}

/** A body as it is kept: credentials masked, and cut where it is long. */
export function detailOf(route: LegacyRoute, body: JsonObject): JsonObject {
  const kept = withoutSecrets('', body, 0);
  const text = JSON.stringify(kept);
  if (text.length <= KEPT) return { route, body: kept };
  return { route, characters: text.length, body_cut: text.slice(0, KEPT).toWellFormed() };
}

function withoutSecrets(key: string, value: JsonValue, depth: number): JsonValue {
  if (isCredentialHeader(key) || isCredentialParameter(key)) return MASK;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEEPEST) return MASK;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets('', item, depth + 1));
  // Without a prototype, since a key may be called __proto__.
  const kept = Object.create(null) as JsonObject;
  for (const [name, item] of Object.entries(value)) {
    kept[name] = withoutSecrets(name, item, depth + 1);
  }
  return kept;
}

/**
 * A body as it is kept, with known credentials masked wherever they stand. In its values, not in its
 * JSON: a number, or the letter of an escape, that is replaced there leaves what nobody can read.
 */
export function withoutKnown(value: JsonValue, known: KnownCredentials): JsonValue {
  const masked = (text: string): string =>
    maskAnswer({ responseHeaders: null, responseBody: text }, known).responseBody;
  if (typeof value === 'string') return masked(value);
  if (typeof value === 'number') return masked(String(value)) === String(value) ? value : MASK;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutKnown(item, known));
  const kept = Object.create(null) as JsonObject;
  for (const [name, item] of Object.entries(value)) kept[masked(name)] = withoutKnown(item, known);
  return kept;
}
