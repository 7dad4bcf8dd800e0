import type { LogDocument } from './contract/log-document.ts';
import type { ObjectsFrom, RetryBodyOrigin } from './model/vocabulary.ts';

/** Places that differ which are told; the document has more. */
const PLACES_TOLD = 5;

const BODY_WORDS: Record<RetryBodyOrigin, string> = {
  STORED: 'The stored body was sent',
  SAME: 'The body was built anew and is the same',
  CHANGED: 'The body was built anew',
  EDITED: 'The body was edited by hand',
};

const FROM_WORDS: Record<ObjectsFrom, string> = {
  SOURCE: "from the lab's own system",
  LOCAL: 'from our own copy',
};

type Attempt = LogDocument['attempts'][number];

/**
 * What a retry was made of, who wanted it and why, for people.
 * @returns null where the attempt is no retry, or was made before this was kept
 */
export function retryInWords(attempt: Attempt): string | null {
  if (attempt.body_from === null) return null;
  return [whoAndWhy(attempt), bodyOf(attempt), changesOf(attempt)].filter(Boolean).join(' ');
}

function whoAndWhy({ actor, reason, bulk_retry_id }: Attempt): string {
  const who = actor === null ? 'Retried by the schedule' : `Retried by ${actor}`;
  const bulk = bulk_retry_id === null ? '' : ` in the bulk retry ${bulk_retry_id}`;
  return `${who}${bulk}${reason === null ? '' : `: ${reason}`}.`;
}

function bodyOf(attempt: Attempt): string {
  const { body_from } = attempt;
  if (body_from === null) return '';
  return `${[BODY_WORDS[body_from], objectsInWords(attempt)].filter(Boolean).join(' ')}.`;
}

/**
 * Where the objects of a body were read, and why not where they should be.
 * @returns the end of a sentence; empty where none were read
 */
export function objectsInWords({
  objects_from,
  fallback,
}: {
  objects_from: ObjectsFrom | null;
  fallback: string | null;
}): string {
  if (objects_from === null) return '';
  return `${FROM_WORDS[objects_from]}${fallback === null ? '' : ` (${fallback})`}`;
}

/**
 * How a body that would be sent is made, for whoever is to send it.
 * @returns the middle of a sentence
 */
export function madeInWords({
  made,
  config_version: version,
}: {
  made: RetryBodyOrigin | null;
  config_version: number | null;
}): string {
  switch (made) {
    case 'STORED':
      return 'as it is stored';
    case 'EDITED':
      return 'as you have edited it';
    case 'SAME':
    case 'CHANGED':
    case null:
      return `built anew${version === null ? '' : ` under version ${version}`}`;
  }
}

function changesOf({ changed }: Attempt): string {
  if (changed.length === 0) return '';
  const told = changed.slice(0, PLACES_TOLD).map((path) => path || 'all of it');
  const more = changed.length > told.length ? ` and ${changed.length - told.length} more` : '';
  return `Changed: ${told.join(', ')}${more}.`;
}
