import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** A domain object's document with the source's own time of it (epoch ms; null: it told none). */
export interface TimedDocument {
  document: JsonObject;
  sourceUpdatedAt: number | null;
}

/** The merged document; where nothing changed, the very object that was stored. */
export interface Merged extends TimedDocument {
  changed: boolean;
}

/** Whether two JSON values are equal; the order of keys does not matter. */
export function sameJson(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      // Lengths are equal, so `b` has every index.
      a.every((value, index) => sameJson(value, b[index] ?? null))
    );
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key] ?? null, b[key] ?? null));
}

/**
 * Sets a field of a document under whatever name it has. Plain assignment to `__proto__`, a name
 * that JSON may hold like any other, would change the object's prototype and lose the field.
 */
function setField(document: JsonObject, name: string, value: JsonValue): void {
  if (name !== '__proto__') document[name] = value;
  else
    Object.defineProperty(document, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
}

/**
 * Lays `top` over `base`: plain objects merge field by field, everything else (arrays too) is
 * replaced; with `fillOnly`, only fields that `base` does not have are taken. Copies what it
 * changes and nothing else; answers `base` itself where nothing changes.
 */
function overlay(base: JsonObject, top: JsonObject, fillOnly: boolean): JsonObject {
  let result = base;
  for (const key of Object.keys(top)) {
    const value = top[key] ?? null;
    let next = value;
    if (Object.hasOwn(base, key)) {
      const current = base[key] ?? null;
      if (isJsonObject(current) && isJsonObject(value)) next = overlay(current, value, fillOnly);
      else if (fillOnly || sameJson(current, value)) continue;
      if (next === current) continue;
    }
    if (result === base) result = { ...base };
    setField(result, key, next);
  }
  return result;
}

/**
 * Merges what an event brought into what is stored. Documents may be partial: an absent field says
 * nothing, null is a value. An incoming document older than the stored one never wins; it only
 * fills in fields that are absent. Without both times nobody can tell, so the later arrival wins.
 */
export function mergeDocument(stored: TimedDocument | null, incoming: TimedDocument): Merged {
  if (!stored) return { ...incoming, changed: true };
  const before = stored.sourceUpdatedAt;
  const now = incoming.sourceUpdatedAt;
  const isOlder = before !== null && now !== null && now < before;
  const document = overlay(stored.document, incoming.document, isOlder);
  const sourceUpdatedAt = isOlder ? before : (now ?? before);
  return {
    document,
    sourceUpdatedAt,
    changed: document !== stored.document || sourceUpdatedAt !== before,
  };
}
