import { hash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** JSON with sorted keys and no white space: one text for every way to write the same value. */
export function canonicalJson(value: JsonValue): string {
  // A sorted copy, written by the runtime, is three times as fast as writing it here.
  return JSON.stringify(sorted(value));
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const key of Object.keys(value).sort()) {
    const field = sorted(value[key] ?? null);
    // Assigning it would change the prototype, and lose the field.
    if (key !== '__proto__') copy[key] = field;
    else Object.defineProperty(copy, key, { value: field, enumerable: true });
  }
  return copy;
}

/** Lower-case hex SHA-256 of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** Tells a repeated body from another one, however its JSON is written. */
export function canonicalHash(value: JsonValue): string {
  return sha256(canonicalJson(value));
}
