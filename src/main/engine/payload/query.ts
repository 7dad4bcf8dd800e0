import { isJsonObject } from '../../../shared/model/json.ts';

/** What a payload that goes by GET must be, for the rule's author. */
export const FLAT_OBJECT =
  'a GET carries its payload in the query, so the mapping must produce a flat object of text, numbers, true and false';

type QueryParameter = [name: string, value: string];

/**
 * The query parameters that a payload is sent as: a GET has no body. null says that there is
 * nothing to tell, so such a field is left out; a list or an object has no one way to be written,
 * and leaving it out would lose it.
 *
 * @returns null where the payload cannot be carried in a query
 */
export function queryParameters(payload: unknown): QueryParameter[] | null {
  if (!isJsonObject(payload)) return null;
  const parameters: QueryParameter[] = [];
  for (const [name, value] of Object.entries(payload)) {
    if (value === null) continue;
    if (typeof value === 'object') return null;
    parameters.push([name, String(value)]);
  }
  return parameters;
}

/** As {@link queryParameters}, of a body as it is stored. */
export function queryOfBody(body: string): QueryParameter[] | null {
  return queryParameters(jsonOf(body));
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // Text is no object that a query could carry.
    return null;
  }
}
