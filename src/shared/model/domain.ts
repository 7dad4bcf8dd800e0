import type { JsonObject } from './json.ts';
import type { ObjectKind } from './vocabulary.ts';

/** Names one domain object of a lab; a log's `references` and `retry_context` hold these. */
export interface Reference {
  kind: ObjectKind;
  /** The lab system's own id, always as text (`bill_id` 17 and "17" are one bill). */
  id: string;
}

/** One domain object as the store holds it. Versions count from 1 and rise with each change. */
export interface DomainObject extends Reference {
  version: number;
  /** The source's own time of the newest document merged in (epoch ms), null if it told none. */
  sourceUpdatedAt: number | null;
  document: JsonObject;
}

/**
 * A merged domain object to be written, with the version it was merged from. The store refuses the
 * whole event when that version is no longer the current one, so that two writers never merge
 * over each other; the caller reads again and merges anew.
 */
export interface ObjectWrite extends Reference {
  /** Version that the document was merged from; null where the object did not exist. */
  baseVersion: number | null;
  sourceUpdatedAt: number | null;
  document: JsonObject;
}
