import type {
  BulkOutcome,
  BulkPlan,
  BulkRetryAction,
  BulkRetryState,
  BulkVerdict,
  EndedBulkItem,
  QueuedBulkItem,
} from './bulk-retry.ts';
import { isTaken } from './certainty.ts';
import { RETRY_DOUBTS } from './retry-verdict.ts';

/** What an act of a person makes of a bulk retry. */
export type BulkStep =
  | { kind: 'GOES_TO'; state: BulkRetryState }
  /** It stands so, or is over: a second start sends nothing twice. */
  | { kind: 'ALREADY_DONE' }
  /** It has to stand otherwise first. */
  | { kind: 'NOT_NOW' };

/**
 * Where an act leads. With a canary, whatever sets it going begins with that: integrations whose canary
 * was good are passed over there.
 */
export function stepOf(
  state: BulkRetryState,
  action: BulkRetryAction,
  hasCanary: boolean,
): BulkStep {
  const going: BulkStep = { kind: 'GOES_TO', state: hasCanary ? 'CANARY' : 'RUNNING' };
  switch (action) {
    case 'start':
      if (state === 'PLANNING') return { kind: 'NOT_NOW' };
      return state === 'PLANNED' ? going : { kind: 'ALREADY_DONE' };
    case 'pause':
      if (state === 'CANARY' || state === 'RUNNING') return { kind: 'GOES_TO', state: 'PAUSED' };
      return state === 'PLANNING' || state === 'PLANNED'
        ? { kind: 'NOT_NOW' }
        : { kind: 'ALREADY_DONE' };
    case 'resume':
      if (state === 'PAUSED' || state === 'STOPPED') return going;
      return state === 'PLANNING' || state === 'PLANNED'
        ? { kind: 'NOT_NOW' }
        : { kind: 'ALREADY_DONE' };
    case 'cancel':
      return state === 'DONE' || state === 'CANCELLED'
        ? { kind: 'ALREADY_DONE' }
        : { kind: 'GOES_TO', state: 'CANCELLED' };
  }
}

/** Whether it hands logs to the queue. */
export function isGoing(state: BulkRetryState): boolean {
  return state === 'CANARY' || state === 'RUNNING';
}

/** By which failures are of one class: error kind and status code; null: it has not failed. */
export function failureClassOf(outcome: BulkOutcome): string | null {
  const { certainty, errorKind, responseStatusCode: code, status } = outcome;
  // Suppression hides the status only.
  if (certainty !== null && isTaken(certainty)) return null;
  const kind = errorKind ?? (code === null ? status : 'HTTP_STATUS');
  return code === null ? kind : `${kind} ${code}`;
}

/** Our own end, which says nothing of the partner: neither a verdict on a canary nor a reason to stop. */
export const OWN_END = 'CRASH';

/** Of a log that cannot be built or sent for a reason that others of its integration share. */
export function failureClassOfVerdict(verdict: BulkVerdict): string | null {
  const isShared = verdict === 'MAPPING_FAILED' || verdict === 'DISABLED' || verdict === 'NO_RULE';
  return isShared ? verdict : null;
}

/** Failures by class, since it was last set going. */
export type FailureCounts = Record<string, number>;

/**
 * Counts further failures.
 * @returns also the class that has reached the bound; null: none has
 */
export function countFailures(
  before: FailureCounts,
  classes: readonly string[],
  stopAfter: number,
): { counts: FailureCounts; reached: string | null } {
  const counts = { ...before };
  for (const failureClass of classes) {
    if (failureClass !== OWN_END) counts[failureClass] = (counts[failureClass] ?? 0) + 1;
  }
  const reached = Object.keys(counts).find((name) => (counts[name] ?? 0) >= stopAfter) ?? null;
  return { counts, reached };
}

/**
 * What became of a log that was queued; null: nothing yet. The end of its attempt is its verdict, also
 * where the log goes on by its schedule. `QUEUED` counts as taken with the commit accept: a
 * confirmation that comes from further down is not waited for yet.
 *
 * @param now epoch milliseconds, where nothing tells when it ended
 */
export function endOf(
  item: QueuedBulkItem,
  bulkRetryId: string,
  now: number,
): EndedBulkItem | null {
  const { position, isCanary, made, later, task } = item;
  const takenOut = { position, isCanary, outcome: null, endedAt: now };
  // Somebody else's attempt has the number that its own would have had.
  if (made !== null && made.bulkRetryId !== bulkRetryId) return takenOut;
  const told = made ?? later;
  if (told?.status) {
    const { status, certainty, errorKind, responseStatusCode } = told;
    return {
      position,
      isCanary,
      outcome: { status, certainty, errorKind, responseStatusCode },
      endedAt: told.endedAt ?? now,
    };
  }
  // Stamped: its outcome comes. Not stamped: it is still in the queue, or somebody took it out.
  return made !== null || task?.isOwn ? null : takenOut;
}

/**
 * Why a canary that is queued gives no verdict for as long as nobody mends it; null: it will. What waits
 * for an endpoint may wait for days, and the others with it.
 */
export function stuckCanary({ made, task }: QueuedBulkItem): 'ENDPOINT_DOWN' | 'HELD' | null {
  if (made !== null || task === null) return null;
  if (task.isHeld) return 'HELD';
  return task.waitsForEndpoint ? 'ENDPOINT_DOWN' : null;
}

/** Whether some of it is refused that a reason would bring in. */
export function lacksReason({ refusedBy }: Pick<BulkPlan, 'refusedBy'>): boolean {
  return refusedBy.some(({ verdict }) => isDoubt(verdict));
}

function isDoubt(verdict: BulkVerdict): boolean {
  return (RETRY_DOUBTS as readonly string[]).includes(verdict);
}
