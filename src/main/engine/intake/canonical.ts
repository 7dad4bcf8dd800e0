import { hash } from 'node:crypto';
import { isJsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** JSON with sorted keys and no white space: one text for every way to write the same value. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${fields.join(',')}}`;
}

/** Lower-case hex SHA-256 of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** Tells a repeated body from another one, however its JSON is written. */
export function canonicalHash(value: JsonValue): string {
  return sha256(canonicalJson(value));
}
