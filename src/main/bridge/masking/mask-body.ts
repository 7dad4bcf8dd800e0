import {
  CERTAINTIES,
  ERROR_KINDS,
  LOG_STATUSES,
  RESOLUTIONS,
} from '../../../shared/model/vocabulary.ts';
import { isStatusWord } from '../../../shared/status-words.ts';
import { MASK } from '../../engine/dispatch/masking.ts';

/** Longest body (characters) that is masked value by value; parsing more would hold up the engine. */
const LONGEST_BODY = 128 * 1024;
/** The same for all bodies of one document together: a log may have many attempts. */
const LONGEST_DOCUMENT = 512 * 1024;
/** Deeper values are masked whole; real documents are flat, and nobody may overflow the stack. */
const DEEPEST = 40;

/** A key as programs write them: no spaces, no long run of digits as in numbers of people and phones. */
const PROGRAM_KEY = /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/;
const DIGIT_RUN = /\d{3}/;

/** Keys under which an id stays readable, if the document shows that very id elsewhere anyway. */
const ID_KEYS = new Set([
  'log_id',
  'attempt_id',
  'event_id',
  'batch_id',
  'lab_id',
  'organization_id',
  'lab_integration_id',
  'bill_id',
  'sample_id',
  'report_id',
  'appointment_id',
  'action_category',
]);

/** Keys under which true and false tell of the call; elsewhere they may be a finding. */
const FLAG_KEYS = new Set([
  'ok',
  'success',
  'error',
  'accepted',
  'received',
  'taken',
  'booked',
  'queued',
  'processed',
  'duplicate',
  'already_confirmed',
  'retry',
  'valid',
]);

/** Keys of a status, whose value stays if it is one of the words or an HTTP status code. */
const STATUS_KEYS = new Set(['status', 'message', 'code']);
const STATUS_CODE_KEYS = new Set([
  'status',
  'status_code',
  'statuscode',
  'http_status',
  'response_status_code',
]);
/** Keys and words of LabRelay's own notes. */
const OWN_KEYS = new Set(['status', 'from', 'certainty', 'error_kind', 'resolution']);
const OWN_WORDS: ReadonlySet<string> = new Set([
  ...LOG_STATUSES,
  ...CERTAINTIES,
  ...ERROR_KINDS,
  ...RESOLUTIONS,
]);

/**
 * What one document has left of its share of masking value by value, and which ids it shows in
 * clear anyway.
 */
export interface MaskContext {
  left: number;
  shown: ReadonlySet<string>;
}

/** The context of one document. @param shown ids that it shows in clear beside its bodies */
export function maskContext(shown: Iterable<string>): MaskContext {
  return { left: LONGEST_DOCUMENT, shown: new Set(shown) };
}

/**
 * A body for those who may not read it. JSON keeps its structure and such keys as programs write;
 * every value is masked that is not known to be harmless. Anything else (XML, HL7, text, JSON that
 * was cut off) and what is too long is masked whole, with its length.
 */
export function maskBody(body: string, context: MaskContext): string {
  if (body === '') return body;
  if (body.length > LONGEST_BODY || body.length > context.left) return maskedWhole(body);
  context.left -= body.length;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // No JSON: nothing tells what in it is a name.
    return maskedWhole(body);
  }
  if (typeof value !== 'object' || value === null) return maskedWhole(body);
  return JSON.stringify(maskValue('', value, context, 0));
}

/** The same for a small document of our own making that may hold what others have told. */
export function maskDocument(document: object, context: MaskContext): unknown {
  return maskValue('', document, context, 0);
}

/** Whether a key is such as programs write, and so tells of nobody. */
export function isPlainKey(key: string): boolean {
  return PROGRAM_KEY.test(key) && !DIGIT_RUN.test(key);
}

function maskedWhole(body: string): string {
  return `${MASK} (masked: ${body.length} characters)`;
}

function maskValue(key: string, value: unknown, context: MaskContext, depth: number): unknown {
  if (value === null) return null;
  if (typeof value !== 'object') return isHarmless(key, value, context) ? value : MASK;
  if (depth === DEEPEST) return MASK;
  if (Array.isArray(value)) {
    return value.map((item: unknown) => maskValue(key, item, context, depth + 1));
  }
  // Without a prototype, since a key may be called __proto__.
  const masked = Object.create(null) as Record<string, unknown>;
  let hidden = 0;
  for (const [name, item] of Object.entries(value)) {
    const isProgramKey = isPlainKey(name);
    // Two masked keys must not fall together, or structure would be lost.
    masked[isProgramKey ? name : `${MASK}${++hidden}`] = maskValue(
      isProgramKey ? name : '',
      item,
      context,
      depth + 1,
    );
  }
  return masked;
}

function isHarmless(given: string, value: unknown, { shown }: MaskContext): boolean {
  const key = given.toLowerCase();
  switch (typeof value) {
    case 'boolean':
      return FLAG_KEYS.has(key);
    case 'number':
      if (ID_KEYS.has(key)) return shown.has(String(value));
      return STATUS_CODE_KEYS.has(key) && Number.isInteger(value) && value >= 100 && value <= 599;
    case 'string':
      if (ID_KEYS.has(key)) return shown.has(value);
      return (
        (STATUS_KEYS.has(key) && isStatusWord(value)) || (OWN_KEYS.has(key) && OWN_WORDS.has(value))
      );
    default:
      return false;
  }
}
