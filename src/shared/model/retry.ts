import type { BuiltRevision } from './delivery.ts';
import type { Reference } from './domain.ts';
import type { KeyWentOn } from './ordering.ts';
import type { RetryDoubt } from './retry-verdict.ts';
import type {
  AttemptKind,
  Certainty,
  Direction,
  HeldReason,
  LogStatus,
  ObjectsFrom,
  Resolution,
  RetryBodyOrigin,
  RetryState,
} from './vocabulary.ts';

/**
 * What a retry was made of and who wanted it. It is kept with the task until its attempt is stamped, and
 * with the attempt from then on. It holds no value of any body.
 */
export interface RetryNote {
  /** Who retried by hand; null: the schedule did. */
  actor: string | null;
  reason: string | null;
  /** The bulk retry that it is part of. */
  bulkRetryId: string | null;
  body: RetryBodyOrigin;
  /** Where the objects were read; null where nothing was. */
  objectsFrom: ObjectsFrom | null;
  /** Why our own copy had to serve, in words for an operator; null where it need not. */
  fallback: string | null;
  /** JSON pointers to what differs from what was sent last, the first fifty. */
  changed: string[];
  /** An attempt for it met nobody, or was kept from being sent, and it has waited in its place since. */
  waited?: true;
}

/** What an attempt's end made of its log's schedule, where people or a timer must know of it. */
export type ScheduleStep = { logId: string; labIntegrationId: number } & (
  | { kind: 'SCHEDULED'; at: number }
  | { kind: 'EXHAUSTED'; why: 'CAP' | 'DEADLINE'; stepsUsed: number }
);

/** A log as whoever retries it must know it. */
export interface RetryableLog {
  logSeq: number;
  logId: string;
  direction: Direction;
  labId: number;
  labIntegrationId: number | null;
  actionCategory: string;
  actionCategoryListId: number;
  eventId: string | null;
  /** The event first, as its retry context has them. */
  references: Reference[];
  /** Its body came ready with the task: no trigger can build it. */
  isBodyGiven: boolean;
  status: LogStatus;
  certainty: Certainty | null;
  resolution: Resolution | null;
  retryState: RetryState;
  heldReason: HeldReason | null;
  newestAttempt: number;
  /** Of its newest attempt; null where none was made, or none is kept. */
  lastConfigVersion: number | null;
  /** Likewise, in epoch milliseconds. */
  lastStartedAt: number | null;
  /** The body that goes next: its number and hash; 0 and empty where it has none. */
  revision: number;
  sha256: string;
  /** Revision of the newest attempt; null where none was made. */
  lastRevision: number | null;
  /** All its bodies, by rising number. */
  revisions: RevisionFacts[];
  /** Revisions of attempts in doubt or handed on, of which nothing has told since; rising. */
  mayHold: number[];
  /** A newer log of its ordering key, or of its object, that was accepted; null: none. */
  overtakenBy: string | null;
  /** Its task, where it has one. */
  task: OpenTask | null;
}

/** One body of a log, without its bytes. */
export interface RevisionFacts {
  number: number;
  sha256: string;
  contentType: string;
  /** The version of its rule that made it. */
  configVersion: number;
}

/** A log's task, as far as it stands in the way of a retry. */
export interface OpenTask {
  taskId: number;
  state: string;
  kind: AttemptKind;
  isStamped: boolean;
}

/** Bytes for a retry. `STORED`: those of one of its revisions. */
export type RetryBody =
  | { kind: 'STORED'; revision: number }
  | { kind: 'BUILT'; revision: BuiltRevision }
  | { kind: 'EDITED'; revision: Omit<BuiltRevision, 'objectsFrom' | 'fallback'> };

/** What of a log decides whether it may be sent again: a late report may tell otherwise any moment. */
export type DecidedOn = Pick<RetryableLog, 'newestAttempt' | 'revision' | 'status' | 'certainty'>;

/** What a log is decided on. */
export function decidedOn({ newestAttempt, revision, status, certainty }: DecidedOn): DecidedOn {
  return { newestAttempt, revision, status, certainty };
}

/** One retry by hand, as the store queues it: all of it or nothing. */
export interface QueueRetry {
  logId: string;
  /** The log as it was decided on: where any of it is otherwise by now, nothing is queued. */
  expect: DecidedOn;
  body: RetryBody;
  /** The schedule repeats these very bytes, since a person chose them. */
  isBodyChosen: boolean;
  note: RetryNote;
  now: number;
}

/**
 * Why a log cannot be retried just now. `UNDER_WAY`: an attempt of it is being made, or it is on its
 * way for the first time. `CHANGED`: it is not as it was decided on. `HELD`: people held it; they let
 * it go (releaseHeld). `DISABLED`: its integration is switched off. `CALL`: a call into the lab.
 */
export const RETRY_OBSTACLES = [
  'NOT_FOUND',
  'CALL',
  'UNDER_WAY',
  'CHANGED',
  'HELD',
  'DISABLED',
  'NO_RULE',
  'NO_BODY',
  'OBJECT_GONE',
  'MAPPING_FAILED',
] as const;
export type RetryObstacle = (typeof RETRY_OBSTACLES)[number];

export type QueuedRetry =
  | {
      outcome: 'QUEUED';
      logId: string;
      labIntegrationId: number;
      /** The number that its attempt will have. */
      attempt: number;
      revision: number;
      isUrgent: boolean;
      /** What it waits for; null: for its turn alone. */
      waits: HeldReason | null;
      /** Its log's, with this one. */
      retryCount: number;
    }
  | { outcome: 'NOT_QUEUED'; why: RetryObstacle };

/** What a retry is made of, but for who wants it. */
export type RetryMade = Pick<RetryNote, 'body' | 'objectsFrom' | 'fallback' | 'changed'>;

/** What becomes of a wish to retry one log, before anything is queued. */
export type PreparedRetry =
  | {
      outcome: 'READY';
      log: RetryableLog;
      body: RetryBody;
      isBodyChosen: boolean;
      made: RetryMade;
      /** Of the bytes that go. */
      sha256: string;
      doubts: RetryDoubt[];
      /** The doubts in words. */
      sentences: string[];
    }
  /** It takes a reason, or a warning that is confirmed. */
  | {
      outcome: 'DOUBTED';
      log: RetryableLog;
      terms: 'CONFIRM' | 'REASON';
      doubts: RetryDoubt[];
      sentences: string[];
    }
  | { outcome: 'IMPOSSIBLE'; why: RetryObstacle; message: string };

/** What became of the wish to queue a failed task once more. */
export type Requeued =
  | { outcome: 'REQUEUED'; logId: string }
  /** `sentence`: what stands against it. */
  | { outcome: 'REASON_NEEDED'; sentence: string }
  | { outcome: 'IMPOSSIBLE'; why: RetryObstacle }
  | {
      outcome: 'NOT_FOUND' | 'ALREADY_REQUEUED' | 'NO_PAYLOAD' | 'OPEN_TASK' | 'NEWER_ACCEPTED';
    };

/** What cancelling a log's retry comes to. */
export type CancelledRetry =
  /** Taken out of the queue; `wentOn`: what of its ordering key has become ready so. */
  | { outcome: 'CANCELLED'; wentOn: KeyWentOn | null }
  /** Its attempt is under way: it ends by itself, and nothing follows. */
  | { outcome: 'IN_FLIGHT' }
  /** Nothing is to be sent of it any more. */
  | { outcome: 'NOTHING' }
  | { outcome: 'NOT_FOUND' }
  | { outcome: 'CALL' }
  /** Its batch is not complete yet; that is cancelled as a whole. */
  | { outcome: 'BATCH'; batchId: string | null };

/**
 * Whether a rule or its credentials were changed since the last attempt.
 * @param rule null: there is none any more
 * @param credentialsChangedAt epoch milliseconds; null: it has none
 */
export function isReconfiguredSince(
  { lastConfigVersion, lastStartedAt }: Pick<RetryableLog, 'lastConfigVersion' | 'lastStartedAt'>,
  rule: { version: number } | null,
  credentialsChangedAt: number | null,
): boolean {
  if (rule === null || lastStartedAt === null) return false;
  return rule.version !== lastConfigVersion || (credentialsChangedAt ?? 0) > lastStartedAt;
}

/**
 * Whether a log's task stands in the way of a retry. One that is claimed may leave at any moment, one
 * on its way for the first time is no retry, and one that a person has queued is not taken from him.
 */
export function obstacleOfTask(
  task: OpenTask | null,
  heldReason: HeldReason | null,
): 'UNDER_WAY' | 'HELD' | 'DISABLED' | null {
  if (task === null) return null;
  if (task.state === 'HELD') return heldReason === 'INTEGRATION_DISABLED' ? 'DISABLED' : 'HELD';
  const mayBeReplaced =
    task.kind === 'AUTO' && ['SCHEDULED', 'READY', 'WAITING'].includes(task.state);
  return mayBeReplaced ? null : 'UNDER_WAY';
}
