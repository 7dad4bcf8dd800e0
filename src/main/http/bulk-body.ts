import { fieldError, LabRelayError } from '../../shared/errors.ts';
import { MAX_RECORD_BYTES } from '../../shared/model/batch.ts';
import type { JsonObject, JsonValue } from '../../shared/model/json.ts';
import { isSpace, ScanFault, ValueScanner } from './json-scanner.ts';

/** How deep a record may nest here; what may be kept nests less deep, and is told of by itself. */
const MAX_DEPTH = 500;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** What may come next. */
type Expecting =
  | 'BODY'
  | 'FIRST_KEY'
  | 'KEY'
  | 'COLON'
  | 'VALUE'
  | 'COMMA'
  | 'FIRST_RECORD'
  | 'RECORD'
  | 'RECORD_COMMA'
  | 'END';

/** Is given each record in its turn, with its JSON as it came. */
export type OnRecord = (record: JsonValue, text: string) => void;

/**
 * A batch's body, read as it comes: `{"records": […], "lab_id": …}`, in any order. Each record is
 * given away as soon as it is whole, and forgotten; so fifty megabytes take the room of one record.
 */
export class BulkBody {
  readonly #list: string;
  readonly #fields: ReadonlySet<string>;
  readonly #onRecord: OnRecord;
  readonly #scanner = new ValueScanner({ maxBytes: MAX_RECORD_BYTES, maxDepth: MAX_DEPTH });
  readonly #envelope = new Map<string, JsonValue>();
  readonly #seen = new Set<string>();
  #expecting: Expecting = 'BODY';
  /** A key or value has begun. */
  #isScanning = false;
  /** The field whose value comes. */
  #field = '';
  #index = 0;
  #bytes = 0;
  #markBytes = 0;

  /**
   * @param list the name of the list of records
   * @param fields the other fields that the body may have
   */
  constructor(list: string, fields: readonly string[], onRecord: OnRecord) {
    this.#list = list;
    this.#fields = new Set(fields);
    this.#onRecord = onRecord;
  }

  /**
   * Takes the next bytes.
   * @throws LabRelayError `INVALID_JSON`, `INVALID_INPUT`, `BODY_TOO_LARGE`, and what `onRecord` throws
   */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#isScanning) {
        const found = this.#scan(bytes, at);
        if (!found) break;
        at = found.end;
        this.#isScanning = false;
        this.#take(found.text);
        continue;
      }
      const byte = bytes[at] as number;
      if (this.#isMark(byte, this.#bytes + at) || isSpace(byte)) at++;
      else if (this.#begins(byte)) this.#isScanning = true;
      else {
        this.#step(byte);
        at++;
      }
    }
    this.#bytes += bytes.length;
  }

  /** Ends the body. @returns its fields but the list. @throws LabRelayError `INVALID_JSON`, `INVALID_INPUT` */
  end(): JsonObject {
    if (this.#expecting !== 'END') throw invalid('it ends too early');
    if (!this.#seen.has(this.#list)) {
      throw fieldError('INVALID_INPUT', this.#list, 'is missing; give a list');
    }
    return Object.fromEntries(this.#envelope);
  }

  #scan(bytes: Buffer, at: number) {
    try {
      return this.#scanner.scan(bytes, at);
    } catch (error) {
      throw error instanceof ScanFault ? this.#refusalOf(error) : error;
    }
  }

  /** Whether it is a part of a byte order mark, which only the beginning may have, and whole. */
  #isMark(byte: number, place: number): boolean {
    if (place >= BYTE_ORDER_MARK.length) return false;
    const isPart = BYTE_ORDER_MARK[place] === byte && this.#markBytes === place;
    if (isPart) this.#markBytes++;
    else if (this.#markBytes % BYTE_ORDER_MARK.length !== 0) throw invalid(null);
    return isPart;
  }

  /** Whether a key, a value or a record begins here. */
  #begins(byte: number): boolean {
    switch (this.#expecting) {
      case 'FIRST_KEY':
      case 'KEY':
        return byte === QUOTE;
      case 'VALUE':
        if (this.#field !== this.#list) return !isMark(byte);
        if (byte === OPEN_BRACKET) return false;
        throw fieldError('INVALID_INPUT', this.#list, 'must be a list');
      case 'FIRST_RECORD':
      case 'RECORD':
        return !isMark(byte);
      case 'BODY':
      case 'COLON':
      case 'COMMA':
      case 'RECORD_COMMA':
      case 'END':
        return false;
    }
  }

  /** Goes on behind a mark. */
  #step(byte: number): void {
    const next = this.#behind(byte);
    if (next === null) {
      // Whatever else it is, it is no object.
      if (this.#expecting === 'BODY')
        throw fieldError('INVALID_INPUT', '', 'must be a JSON object');
      throw invalid(this.#index > 0 ? `after record ${this.#index - 1}` : null);
    }
    this.#expecting = next;
  }

  /** What may come behind a mark; null where it may not stand here. */
  #behind(byte: number): Expecting | null {
    switch (this.#expecting) {
      case 'BODY':
        return byte === OPEN_BRACE ? 'FIRST_KEY' : null;
      case 'FIRST_KEY':
        return byte === CLOSE_BRACE ? 'END' : null;
      case 'COLON':
        return byte === COLON ? 'VALUE' : null;
      case 'VALUE':
        return byte === OPEN_BRACKET ? 'FIRST_RECORD' : null;
      case 'COMMA':
        if (byte === COMMA) return 'KEY';
        return byte === CLOSE_BRACE ? 'END' : null;
      case 'FIRST_RECORD':
        return byte === CLOSE_BRACKET ? 'COMMA' : null;
      case 'RECORD_COMMA':
        if (byte === COMMA) return 'RECORD';
        return byte === CLOSE_BRACKET ? 'COMMA' : null;
      case 'KEY':
      case 'RECORD':
      case 'END':
        return null;
    }
  }

  /** Takes a key, a value or a record that has come whole. */
  #take(text: string): void {
    const value = this.#parsed(text);
    switch (this.#expecting) {
      case 'FIRST_KEY':
      case 'KEY':
        // A text began here, so this is one.
        this.#takeKey(value as string);
        this.#expecting = 'COLON';
        break;
      case 'VALUE':
        this.#envelope.set(this.#field, value);
        this.#expecting = 'COMMA';
        break;
      default:
        this.#onRecord(value, text);
        this.#index++;
        this.#expecting = 'RECORD_COMMA';
    }
  }

  #takeKey(key: string): void {
    if (key !== this.#list && !this.#fields.has(key)) {
      throw fieldError(
        'INVALID_INPUT',
        key.slice(0, 100),
        'is not a field of this call; remove it',
      );
    }
    if (this.#seen.has(key)) {
      throw fieldError('INVALID_INPUT', key, 'is given twice; give it once');
    }
    this.#seen.add(key);
    this.#field = key;
  }

  #parsed(text: string): JsonValue {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      throw invalid(this.#place());
    }
  }

  #refusalOf({ kind }: ScanFault): LabRelayError {
    const field = this.#isInList() ? `${this.#list}.${this.#index}` : this.#field;
    switch (kind) {
      case 'UTF8':
        return invalid(`${this.#place() ?? 'it'} is not UTF-8; encode it as UTF-8`);
      case 'TOO_DEEP': {
        const reason = `is nested deeper than ${MAX_DEPTH} levels; send a flatter document`;
        return fieldError('INVALID_INPUT', field, reason);
      }
      case 'TOO_LONG': {
        const reason = `must have at most ${MAX_RECORD_BYTES} bytes, as a single event`;
        return fieldError('BODY_TOO_LARGE', field, reason);
      }
    }
  }

  #place(): string | null {
    return this.#isInList() ? `record ${this.#index}` : null;
  }

  #isInList(): boolean {
    return this.#expecting === 'FIRST_RECORD' || this.#expecting === 'RECORD';
  }
}

/** What separates values, and begins none. */
function isMark(byte: number): boolean {
  return byte === CLOSE_BRACKET || byte === CLOSE_BRACE || byte === COMMA || byte === COLON;
}

/** Never quotes the text, which may be about a patient. */
function invalid(what: string | null): LabRelayError {
  const where = what === null ? '' : ` (${what})`;
  return new LabRelayError('INVALID_JSON', `The body is not valid JSON${where}.`, [
    { field: '', reason: `must be one JSON document in UTF-8${where}` },
  ]);
}
