import { checkDocument } from '../../../shared/contract/json-document.ts';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { JsonValue } from '../../../shared/model/json.ts';
import type { HttpMethod } from '../../../shared/model/vocabulary.ts';
import { queryParameters } from '../payload/query.ts';

/** The longest body that a person may write (bytes). */
const LONGEST = 10 * 1024 * 1024;

/**
 * The body that a person has written, checked by what the log's bodies are. Text stays as it was
 * typed; anything else is written as JSON.
 * @throws LabRelayError `INVALID_INPUT` (field `payload`) telling the cure
 */
export function editedBody(
  payload: JsonValue,
  { contentType, method }: { contentType: string; method: HttpMethod },
): string {
  const isJson = isJsonType(contentType);
  if (typeof payload !== 'string' && !isJson) {
    throw refused(`its body is ${contentType}; give it as text`);
  }
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  if (body === '') throw refused('must not be empty');
  if (Buffer.byteLength(body) > LONGEST) throw refused('must have at most 10 MiB');
  if (!isJson) return body;
  const value = typeof payload === 'string' ? parsed(payload) : payload;
  checkPayload(value);
  if (typeof payload !== 'string' && hasLongNumber(value)) {
    throw refused('has a number of more than 15 digits, which JSON readers round; give it as text');
  }
  if (method === 'GET' && queryParameters(value) === null) {
    throw refused(
      'goes by GET, which carries it in the query; give a flat object of text, numbers, true and false',
    );
  }
  return body;
}

/** Whether bodies of a content type are JSON (RFC 8259, RFC 6839). */
function isJsonType(contentType: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Editors of some systems put it there unseen, and the receiver's parser would fail on it too.
    if (text.startsWith('\uFEFF')) {
      throw refused('begins with a byte order mark; save it as UTF-8 without one');
    }
    // The parser's own words may quote what was typed.
    throw refused('its body is JSON, and this text is not; mend it');
  }
}

/** Whether a number in it may have been rounded on its way here, as text never is. */
function hasLongNumber(value: JsonValue): boolean {
  if (typeof value === 'number') return Math.abs(value) > Number.MAX_SAFE_INTEGER;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasLongNumber);
}

/** Too deep a document could exhaust the stack of whoever compares or masks it. */
function checkPayload(value: JsonValue): void {
  try {
    checkDocument(value);
  } catch (error) {
    const [fault] = error instanceof LabRelayError ? error.errors : [];
    if (!fault) throw error;
    throw fieldError('INVALID_INPUT', `payload.${fault.field}`, fault.reason);
  }
}

function refused(reason: string): LabRelayError {
  return fieldError('INVALID_INPUT', 'payload', reason);
}
