import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** One thing that two documents do not agree on; null where one of them does not have it. */
export interface Difference {
  /** Dotted, e.g. `retry_policy.overrides.404`. */
  path: string;
  from: JsonValue;
  to: JsonValue;
}

/** What changed between two documents, field by field; lists are compared as a whole. */
export function differences(from: JsonObject, to: JsonObject, prefix = ''): Difference[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names.flatMap((name): Difference[] => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const [before, after] = [own(from, name), own(to, name)];
    if (isJsonObject(before) && isJsonObject(after)) return differences(before, after, path);
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ path, from: before, to: after }];
  });
}

function own(document: JsonObject, name: string): JsonValue {
  return Object.hasOwn(document, name) ? (document[name] ?? null) : null;
}
