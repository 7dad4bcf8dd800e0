import type { Reference } from '../../../../shared/model/domain.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../../shared/model/json.ts';
import { isStatusWord } from '../../../../shared/status-words.ts';

/** What a body names, as far as that can be told. */
export interface Named {
  logIds: string[];
  labId: number | null;
  objects: Reference[];
  /** A status in a word that programs use; never a text. */
  status: string | null;
  /** A status code. */
  code: number | null;
}

/** Keys that name something, however they are spelled: `log_id`, `logId`, `LOG-ID`. */
const KEYS: ReadonlyMap<string, 'log' | 'lab' | 'status' | 'code' | Reference['kind']> = new Map([
  ['logid', 'log'],
  ['integrationlogid', 'log'],
  ['labid', 'lab'],
  ['billid', 'bill'],
  ['sampleid', 'sample'],
  ['reportid', 'report'],
  ['appointmentid', 'appointment'],
  ['patientid', 'patient'],
  ['status', 'status'],
  ['code', 'code'],
  ['statuscode', 'code'],
  ['httpstatus', 'code'],
  ['responsestatuscode', 'code'],
]);

/** They are looked for at the top and so many levels below. */
const DEEPEST = 2;
/** So many of a kind, and so many elements of a list, are looked at. */
const MOST = 20;
/** Longest id. */
const LONGEST = 200;

/** Finds what a free-form body is about; what lies nearer to the top comes first. */
export function namedIn(body: JsonObject): Named {
  const named: Named = { logIds: [], labId: null, objects: [], status: null, code: null };
  let level: JsonObject[] = [body];
  for (let depth = 0; depth <= DEEPEST; depth++) {
    for (const object of level) {
      for (const [key, value] of Object.entries(object)) take(named, key, value);
    }
    level = level.flatMap(below);
  }
  return named;
}

/** The objects right below one; a list is no level of its own. */
function below(object: JsonObject): JsonObject[] {
  return Object.values(object)
    .flatMap((value) => (Array.isArray(value) ? value.slice(0, MOST) : [value]))
    .filter((value) => isJsonObject(value));
}

function take(named: Named, key: string, value: JsonValue): void {
  const what = KEYS.get(key.replaceAll(/[^A-Za-z]/g, '').toLowerCase());
  const text = what === undefined ? null : textOf(value);
  if (text === null) return;
  switch (what) {
    case undefined:
      return;
    case 'log':
      if (named.logIds.length < MOST && !named.logIds.includes(text)) named.logIds.push(text);
      return;
    case 'lab':
      if (/^[1-9]\d{0,14}$/.test(text)) named.labId ??= Number(text);
      return;
    case 'status':
      if (isStatusWord(text)) named.status ??= text;
      return;
    case 'code':
      if (/^[1-9]\d\d$/.test(text)) named.code ??= Number(text);
      return;
    default: {
      const isKnown = named.objects.some(({ kind, id }) => kind === what && id === text);
      if (named.objects.length < MOST && !isKnown) named.objects.push({ kind: what, id: text });
    }
  }
}

/** Ids are texts or whole numbers. */
function textOf(value: JsonValue): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  if (typeof value !== 'string') return null;
  const text = value.trim();
  return text === '' || text.length > LONGEST ? null : text;
}
