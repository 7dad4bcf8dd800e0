import type { FastifyInstance } from 'fastify';
import { isJsonObject, type JsonObject, type JsonValue } from '../../shared/model/json.ts';

/** Parts of a field's name that are read as levels: `data[log_id]`, `data.log_id`. */
const LEVELS = 3;

/** Takes form fields in this scope as well, as one object. */
export function takeFormBodies(scope: FastifyInstance, bodyLimit: number): void {
  scope.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit },
    (_request, text, done) => done(null, formDocument(text)),
  );
}

/**
 * A form as a document: `data[log_id]=1` is `{data:{log_id:"1"}}`, a repeated field a list, and a field
 * that holds a JSON object that object.
 */
export function formDocument(text: string): JsonObject {
  const document = Object.create(null) as JsonObject;
  for (const [name, value] of new URLSearchParams(text)) {
    const levels = name.split(/[.[\]]+/).filter(Boolean);
    const path = levels.length > 0 && levels.length <= LEVELS ? levels : [name];
    put(document, path, valueOf(value));
  }
  return document;
}

function put(object: JsonObject, [name = '', ...rest]: string[], value: JsonValue): void {
  const known = object[name];
  if (rest.length > 0) {
    const inner = isJsonObject(known) ? known : (Object.create(null) as JsonObject);
    // A field that is a value and an object alike keeps both.
    if (known !== undefined && inner !== known) inner[''] = known;
    object[name] = inner;
    put(inner, rest, value);
  } else if (known === undefined) {
    object[name] = value;
  } else if (Array.isArray(known)) {
    known.push(value);
  } else {
    object[name] = [known, value];
  }
}

function valueOf(text: string): JsonValue {
  if (!text.startsWith('{')) return text;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : text;
  } catch {
    return text;
  }
}
