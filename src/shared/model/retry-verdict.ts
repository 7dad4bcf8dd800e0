import type { Certainty, Resolution } from './vocabulary.ts';

/** What decides whether a person may retry a log, and on what terms. */
export interface ManualRetryFacts {
  certainty: Certainty | null;
  /** An operator's word on it, where nothing has settled it since. */
  resolution: Resolution | null;
  /** Revisions that the receiver may hold, by earlier attempts in doubt or handed on; rising. */
  mayHold: readonly number[];
  /** The bytes to be sent are not those that were sent last. */
  isBodyChanged: boolean;
  /** The rule or its credentials were changed since the last attempt. */
  isReconfigured: boolean;
  /** A newer log of the same ordering key, or of the same object, was accepted. */
  isOvertaken: boolean;
}

/**
 * What stands against sending it (again). `MAY_HOLD`: the receiver may have it. `ACCEPTED`: it has it.
 * `HANDED_ON`: the next system has taken it over. `REFUSED_UNCHANGED`: it refused this very message.
 * `OVERTAKEN`: a newer one was accepted.
 */
export const RETRY_DOUBTS = [
  'MAY_HOLD',
  'ACCEPTED',
  'HANDED_ON',
  'REFUSED_UNCHANGED',
  'OVERTAKEN',
] as const;
export type RetryDoubt = (typeof RETRY_DOUBTS)[number];

/**
 * On what terms a person may retry: at a click; after a warning that is confirmed, for which a reason
 * serves too; with a typed reason.
 */
export type RetryTerms = 'FREE' | 'CONFIRM' | 'REASON';

export interface ManualRetryVerdict {
  terms: RetryTerms;
  /** In the order in which they are told; empty where the terms are `FREE`. */
  doubts: RetryDoubt[];
}

/** The certainty table's last column: what a person may retry at once, and what takes a reason. */
export function manualRetryVerdict(facts: ManualRetryFacts): ManualRetryVerdict {
  const doubts = doubtsOf(facts);
  const needReason = doubts.some((doubt) => doubt !== 'HANDED_ON');
  const terms = needReason ? 'REASON' : doubts.length > 0 ? 'CONFIRM' : 'FREE';
  return { terms, doubts };
}

function doubtsOf(facts: ManualRetryFacts): RetryDoubt[] {
  const { mayHold, isOvertaken } = facts;
  const doubts: RetryDoubt[] = [];
  const own = ownDoubt(facts);
  if (own) doubts.push(own);
  // The receiver's people have looked, and have none of it.
  const isDenied = facts.resolution === 'not_delivered';
  if (mayHold.length > 0 && own !== 'MAY_HOLD' && own !== 'HANDED_ON' && own !== 'ACCEPTED') {
    if (!isDenied) doubts.push('MAY_HOLD');
  }
  if (isOvertaken) doubts.push('OVERTAKEN');
  return doubts;
}

/** What the newest outcome itself says. */
function ownDoubt(facts: ManualRetryFacts): RetryDoubt | null {
  if (facts.resolution === 'delivered') return 'ACCEPTED';
  switch (facts.certainty) {
    case null:
    case 'NOT_SENT':
    case 'REFUSED_RETRYABLE':
      return null;
    case 'REFUSED':
      return facts.isBodyChanged || facts.isReconfigured ? null : 'REFUSED_UNCHANGED';
    case 'UNKNOWN':
      return facts.resolution === 'not_delivered' ? null : 'MAY_HOLD';
    case 'COMMITTED':
      return facts.resolution === 'not_delivered' ? null : 'HANDED_ON';
    case 'ACCEPTED':
      return 'ACCEPTED';
  }
}

/**
 * A doubt in a sentence that an operator understands.
 * @param mayHold revisions that the receiver may hold
 * @param isBodyChanged the bytes to be sent are not those that were sent last
 */
export function sentenceOf(
  doubt: RetryDoubt,
  { mayHold, isBodyChanged }: Pick<ManualRetryFacts, 'mayHold' | 'isBodyChanged'>,
): string {
  switch (doubt) {
    case 'MAY_HOLD': {
      const which = mayHold.length === 0 ? 'this message' : revisionsInWords(mayHold);
      return isBodyChanged
        ? `The receiver may hold ${which}; what is sent now is another revision, and it may keep both.`
        : `The receiver may already hold ${which}; sent again it may have it twice.`;
    }
    case 'ACCEPTED':
      return 'The receiver has accepted this message; sent again it may have it twice.';
    case 'HANDED_ON':
      return 'It was handed on and its confirmation is outstanding; sent again it may arrive twice.';
    case 'REFUSED_UNCHANGED':
      return 'The receiver refused this message, and neither it nor its integration has changed since.';
    case 'OVERTAKEN':
      return 'A newer one of the same ordering key or object was already accepted; sent now, the older one comes after it.';
  }
}

function revisionsInWords(revisions: readonly number[]): string {
  const [first] = revisions;
  if (revisions.length === 1) return `revision ${first}`;
  return `revisions ${revisions.slice(0, -1).join(', ')} and ${revisions.at(-1)}`;
}
