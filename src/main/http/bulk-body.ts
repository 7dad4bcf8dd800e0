import { JSONParser, TokenType } from '@streamparser/json';
import { fieldError, LabRelayError } from '../../shared/errors.ts';
import { MAX_RECORD_BYTES } from '../../shared/model/batch.ts';
import type { JsonObject, JsonValue } from '../../shared/model/json.ts';

/** How deep anything may nest here; records nest less deep, which is told of each by itself. */
const MAX_DEPTH = 500;

/**
 * A batch's body, read as it comes: `{"records": […], "lab_id": …}`, in any order. Each record is
 * given away as soon as it is whole, and forgotten.
 */
export class BulkBody {
  readonly #parser: JSONParser;
  readonly #list: string;
  readonly #fields: ReadonlySet<string>;
  readonly #envelope = new Map<string, JsonValue>();
  readonly #keys = new Set<string>();
  #depth = 0;
  /** The last text at the top level, which is a key if a colon follows. */
  #text = '';
  /** The field whose value is next. */
  #field: string | null = null;
  #isOver = false;
  #sinceValue = 0;
  #index = 0;

  /**
   * @param list the name of the list of records
   * @param fields the other fields that the body may have
   * @param onRecord is given each record in its turn
   */
  constructor(list: string, fields: readonly string[], onRecord: (record: JsonValue) => void) {
    this.#list = list;
    this.#fields = new Set(fields);
    this.#parser = new JSONParser({
      paths: [...fields.map((field) => `$.${field}`), `$.${list}.*`],
      keepStack: false,
    });
    this.#parser.onToken = ({ token, value }) => this.#look(token, value);
    this.#parser.onValue = ({ value, key, stack }) => {
      this.#sinceValue = 0;
      if (stack.length === 1) this.#envelope.set(String(key), value as JsonValue);
      else {
        this.#index++;
        onRecord(value as JsonValue);
      }
    };
    this.#parser.onEnd = () => {
      this.#isOver = true;
    };
  }

  /**
   * Takes the next bytes.
   * @throws LabRelayError `INVALID_JSON`, `INVALID_INPUT`, `BODY_TOO_LARGE`, and what `onRecord` throws
   */
  write(bytes: Uint8Array): void {
    this.#sinceValue += bytes.length;
    if (this.#sinceValue > MAX_RECORD_BYTES + bytes.length) {
      const reason = `must have at most ${MAX_RECORD_BYTES} bytes, as a single event`;
      throw fieldError('BODY_TOO_LARGE', `${this.#list}.${this.#index}`, reason);
    }
    try {
      this.#parser.write(bytes);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** Ends the body. @returns its fields but the list. @throws LabRelayError `INVALID_JSON`, `INVALID_INPUT` */
  end(): JsonObject {
    try {
      if (!this.#isOver) this.#parser.end();
    } catch (error) {
      throw refusalOf(error);
    }
    if (!this.#isOver) throw invalid('it ends too early');
    if (!this.#keys.has(this.#list)) {
      throw fieldError('INVALID_INPUT', this.#list, 'is missing; give a list');
    }
    return Object.fromEntries(this.#envelope);
  }

  /** Sees every token before the parser does. @throws LabRelayError */
  #look(token: TokenType, value: unknown): void {
    if (this.#depth === 0 && token !== TokenType.LEFT_BRACE) {
      throw fieldError('INVALID_INPUT', '', 'must be a JSON object');
    }
    if (this.#depth === 1) this.#lookAtTop(token, value);
    switch (token) {
      case TokenType.LEFT_BRACE:
      case TokenType.LEFT_BRACKET:
        if (++this.#depth > MAX_DEPTH) {
          const reason = `is nested deeper than ${MAX_DEPTH} levels; send a flatter document`;
          throw fieldError('INVALID_INPUT', `${this.#list}.${this.#index}`, reason);
        }
        break;
      case TokenType.RIGHT_BRACE:
      case TokenType.RIGHT_BRACKET:
        this.#depth--;
        break;
      default:
    }
  }

  #lookAtTop(token: TokenType, value: unknown): void {
    if (this.#field === this.#list && token !== TokenType.LEFT_BRACKET) {
      throw fieldError('INVALID_INPUT', this.#list, 'must be a list');
    }
    this.#field = null;
    if (token === TokenType.STRING) this.#text = String(value);
    if (token !== TokenType.COLON) return;
    const field = this.#text;
    if (field !== this.#list && !this.#fields.has(field)) {
      throw fieldError('INVALID_INPUT', field, 'is not a field of this call; remove it');
    }
    if (this.#keys.has(field)) {
      throw fieldError('INVALID_INPUT', field, 'is given twice; give it once');
    }
    this.#keys.add(field);
    this.#field = field;
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof LabRelayError) return error;
  if (error instanceof TypeError) return invalid('it is not UTF-8; encode it as UTF-8');
  return invalid(null);
}

/** Never quotes the text, which may be about a patient. */
function invalid(what: string | null): LabRelayError {
  const where = what === null ? '' : ` (${what})`;
  return new LabRelayError('INVALID_JSON', `The body is not valid JSON${where}.`, [
    { field: '', reason: `must be one JSON document in UTF-8${where}` },
  ]);
}
