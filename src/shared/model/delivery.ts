import type { KeyWentOn } from './ordering.ts';
import type { BreakerChange } from './breaker.ts';
import type { Reference } from './domain.ts';
import type { JsonObject } from './json.ts';
import type { LeaseEnd } from './lease.ts';
import type { RetryNote, ScheduleStep } from './retry.ts';
import type {
  AttemptKind,
  CallErrorKind,
  Certainty,
  Direction,
  ErrorKind,
  FailedTaskCause,
  HeldReason,
  LogStatus,
  ObjectsFrom,
  Priority,
  Resolution,
  RetryState,
  RevisionReason,
  Stage,
  Transport,
} from './vocabulary.ts';

/** HTTP header fields as they were sent or received, secrets already masked; names in lower case. */
export type HeaderRecord = Record<string, string>;

/**
 * What a log keeps so that its trigger can run again from fresh objects: references only, the
 * event's own document always first.
 */
export interface RetryContext {
  actionCategory: string;
  references: Reference[];
  /** The body came ready with the task, so no trigger can build it: what is stored is sent again. */
  isBodyGiven?: boolean;
}

/** A log as it is pre-created, before anything is sent. Times are epoch milliseconds. */
export interface NewLog {
  logId: string;
  direction: Direction;
  status: LogStatus;
  certainty: Certainty | null;
  retryState: RetryState;
  stage: Stage;
  priority: Priority;
  deliverBy: number | null;
  orderingKey: string | null;
  labId: number;
  organizationId: number | null;
  labIntegrationId: number | null;
  configVersion: number | null;
  actionCategoryListId: number;
  actionCategory: string;
  eventId: string | null;
  batchId: string | null;
  triggeredBy: string | null;
  references: Reference[];
  transport: Transport;
  endPoint: string | null;
  requestMethod: string | null;
  errorKind: ErrorKind | null;
  errorMessage: string | null;
  integrationCallbackUrl: string | null;
  isRetryEnabled: boolean;
  retryContext: RetryContext;
  createdAt: number;
}

/** One distinct body of a log. */
export interface NewRevision {
  /** Counts from 1; revision 1 carries the bare `log_id` as its key at the receiver. */
  number: number;
  body: string;
  contentType: string;
  /** Lower-case hex SHA-256 of the body's UTF-8 bytes. */
  sha256: string;
  configVersion: number;
  reason: RevisionReason;
}

/** A body that was built anew for a log that had one. */
export interface BuiltRevision
  extends Pick<NewRevision, 'body' | 'contentType' | 'sha256' | 'configVersion'> {
  /** Where its domain objects were read: the lab's own system, or our copy. */
  objectsFrom: ObjectsFrom;
  /** Why our copy had to serve, in words for an operator; null where it need not. */
  fallback: string | null;
}

/** A log with what is committed beside it: its first body, and the task that will deliver it. */
export interface NewDelivery {
  log: NewLog;
  /** Absent only where no body could be built (`error_kind` PAYLOAD). */
  revision: NewRevision | null;
  /** Whether a task is queued; false for a log that is born failed. */
  enqueue: boolean;
}

/**
 * The key under which a revision goes to the receiver (`webhook-id`, source of MSH-10): same
 * bytes, same key; changed bytes, a new one, or a receiver that drops duplicates would drop the
 * correction.
 */
export function revisionKey(logId: string, revision: number): string {
  return revision === 1 ? logId : `${logId}_r${revision}`;
}

/** The id of one execution of a log's delivery; derived, so that it can be told before it is stored. */
export function attemptId(logId: string, attempt: number): string {
  return `${logId}_a${attempt}`;
}

/** Splits an `attempt_id` into its log and number; null if it is not one. */
export function parseAttemptId(id: string): { logId: string; attempt: number } | null {
  const match = /^(.+)_a([1-9]\d{0,8})$/.exec(id);
  return match?.[1] && match[2] ? { logId: match[1], attempt: Number(match[2]) } : null;
}

/**
 * What a worker needs of a task beside the partner's request (guide, `integration_payload`): whose
 * delivery it is and where to report. The partner never sees it; reports repeat it.
 */
export interface IntegrationPayload {
  log_id: string;
  attempt_id: string;
  integration_callback_url: string;
  lab_id: number;
  lab_integration_id: number;
  action_category: string;
  event_id: string | null;
}

/** A claimed task's `integration_payload`. */
export function integrationPayloadOf(task: ClaimedTask): IntegrationPayload {
  return {
    log_id: task.logId,
    attempt_id: attemptId(task.logId, task.attempt),
    integration_callback_url: task.integrationCallbackUrl,
    lab_id: task.labId,
    lab_integration_id: task.labIntegrationId,
    action_category: task.actionCategory,
    event_id: task.eventId,
  };
}

/** A task as a worker holds it after a claim. */
export interface ClaimedTask {
  taskId: number;
  logId: string;
  labId: number;
  labIntegrationId: number;
  actionCategory: string;
  eventId: string | null;
  kind: AttemptKind;
  /** The number that this execution's attempt will carry. */
  attempt: number;
  revision: number;
  body: string;
  contentType: string;
  priority: Priority;
  deliverBy: number | null;
  integrationCallbackUrl: string;
  /** How often the engine died while this task was claimed and unstamped; above 0 it is a suspect. */
  crashes: number;
}

/** Declares that from the commit on bytes of this attempt may leave. */
export interface Stamp {
  taskId: number;
  logId: string;
  attempt: number;
  kind: AttemptKind;
  revision: number;
  configVersion: number;
  endPoint: string;
  requestMethod: string;
  requestHeaders: HeaderRecord;
  startedAt: number;
}

/** The stamp of a claimed task's next attempt; what the task does not know comes from its rule. */
export function stampOf(
  task: ClaimedTask,
  attempt: Omit<Stamp, 'taskId' | 'logId' | 'attempt' | 'kind' | 'revision'>,
): Stamp {
  const { taskId, logId, attempt: number, kind, revision } = task;
  return { taskId, logId, attempt: number, kind, revision, ...attempt };
}

/**
 * What became of an attempt, whoever says so: our own worker in process, our own over HTTP, an
 * outside worker, or Mirth. `status` null reports a stage alone.
 */
export interface AttemptReport {
  logId: string;
  /** Null: the log's latest attempt. */
  attempt: number | null;
  status: LogStatus | null;
  certainty: Certainty | null;
  stage: Stage | null;
  errorKind: ErrorKind | null;
  errorMessage: string | null;
  endPoint: string | null;
  requestHeaders: HeaderRecord | null;
  responseStatusCode: number | null;
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
  /** True where the body was longer than is kept. */
  responseBodyCut: boolean;
  /** Milliseconds from the start of the attempt to its outcome. */
  responseTime: number | null;
  /** When it happened, as the reporter says (epoch ms). */
  activityDate: number;
  /** When it came over the callback route (epoch ms); left out: as soon as it happened. */
  receivedAt?: number;
  /** Name of the access key that it came with; left out: our own worker's. */
  reporter?: string;
}

/** What applying a report did. */
export type ReportResult =
  /**
   * `wentOn`: it released the deliveries behind this log. `leaseEnd`: it ended an outside worker's task.
   * `retry`: what a late failure made of the log's schedule.
   */
  | {
      outcome: 'APPLIED';
      logId: string;
      wentOn?: KeyWentOn;
      leaseEnd?: LeaseEnd;
      retry?: ScheduleStep;
    }
  /** A repeat, or a weaker or older signal than what is known: nothing changed. */
  | { outcome: 'UNCHANGED'; logId: string }
  | { outcome: 'UNKNOWN_LOG'; logId: string }
  | { outcome: 'UNKNOWN_ATTEMPT'; logId: string };

/** The end of a claimed task's execution. */
export interface Settlement {
  taskId: number;
  report: AttemptReport;
  /**
   * Null: the report is applied in this very transaction and the task is done. Otherwise the
   * outcome is kept with the task until the callback route has taken it, enriched with this.
   */
  reportOverHttp: IntegrationPayload | null;
  /** Nothing was sent through no fault of the task (paused, switched off): it waits in its place. */
  goesBack?: boolean;
}

/**
 * What a settlement did, the integration of which a STAT task has become ready by it, what the outcome
 * did to the integration's breaker, and what it made of the log's schedule.
 */
export type SettlementResult = ReportResult & {
  urgentFor?: number;
  breaker?: BreakerChange;
  retry?: ScheduleStep;
};

/** An outcome that the callback route has not taken yet. */
export interface PendingReport {
  taskId: number;
  report: AttemptReport;
  integrationPayload: IntegrationPayload;
  /** The bytes that were sent. */
  requestBody: string;
}

/** A task that died before its handler could report. */
export interface TaskDeath {
  taskId: number;
  cause: FailedTaskCause;
  errorMessage: string;
  /** Where it was when it died: bytes may have left or not. */
  stamped: boolean;
  at: number;
}

/** One entry of the failed-task queue. */
export interface FailedTask {
  failedTaskId: number;
  logId: string;
  attempt: number | null;
  labId: number;
  labIntegrationId: number | null;
  actionCategory: string;
  cause: FailedTaskCause;
  errorMessage: string;
  certainty: Certainty | null;
  failedAt: number;
  requeuedAt: number | null;
  requeueReason: string | null;
}

/** One execution of a log's delivery, as kept. */
export interface AttemptRecord {
  attemptId: string;
  attempt: number;
  kind: AttemptKind;
  revision: number;
  configVersion: number;
  /** The outside worker that made it, by its own name; null: our own. */
  worker: string | null;
  status: LogStatus | null;
  certainty: Certainty | null;
  stage: Stage | null;
  errorKind: ErrorKind | null;
  errorMessage: string | null;
  endPoint: string | null;
  requestMethod: string | null;
  requestHeaders: HeaderRecord | null;
  responseStatusCode: number | null;
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
  responseBodyCut: boolean;
  responseTime: number | null;
  startedAt: number;
  endedAt: number | null;
  /** What a retry was made of and who wanted it; null: it is none, or was made before this was kept. */
  retry: RetryNote | null;
}

/** One body of a log, as kept. */
export interface RevisionRecord {
  revision: number;
  key: string;
  sha256: string;
  configVersion: number;
  reason: RevisionReason;
  /** Null where the body was built with its event. */
  objectsFrom: ObjectsFrom | null;
  contentType: string;
  body: string;
  createdAt: number;
}

/**
 * A log as a list shows it: everything but bodies, headers, attempts and revisions. A call into the
 * lab may have named no lab, or no category.
 */
export interface LogSummary
  extends Omit<
    NewLog,
    'retryContext' | 'labId' | 'actionCategoryListId' | 'actionCategory' | 'errorKind'
  > {
  labId: number | null;
  actionCategoryListId: number | null;
  actionCategory: string | null;
  errorKind: ErrorKind | CallErrorKind | null;
  revision: number;
  controlId: string | null;
  responseStatusCode: number | null;
  responseTime: number | null;
  retryCount: number;
  nextRetryAt: number | null;
  /** Why it is held back or waits; a waiting one's is found out when it is read. */
  heldReason: HeldReason | null;
  /** The `log_id` of the head of its ordering key, where it waits for that. */
  waitsFor: string | null;
  /** What more there is to say of that: who opened the breaker that it waits for by hand, and why. */
  heldNote: string | null;
  /** An operator's word, where no signal has settled the log since. */
  resolution: Resolution | null;
  resolvedAt: number | null;
  activityDate: number | null;
  updatedAt: number;
}

/** A whole log document. */
export interface LogRecord extends LogSummary {
  /** Null: a call into the lab, which nobody but its caller can make again. */
  retryContext: RetryContext | null;
  requestHeaders: HeaderRecord | null;
  requestBody: string | null;
  /** Of a call: more of it was sent than is kept, or than had come. */
  requestBodyCut: boolean;
  responseHeaders: HeaderRecord | null;
  responseBody: string | null;
  /** It was longer than is kept. */
  responseBodyCut: boolean;
  ip: string | null;
  origin: string | null;
  /** The end of the access key that a call came with. */
  tokenHint: string | null;
  /** That key's name. */
  tokenOwner: string | null;
  /** What this call fired, the first hundred by their `log_id`. */
  triggered: string[];
  attempts: AttemptRecord[];
  revisions: RevisionRecord[];
  activity: ActivityNote[];
}

/** Where a log comes from, as far as a report on it must be judged. */
export interface LogOrigin {
  direction: Direction;
  labIntegrationId: number | null;
  integrationCallbackUrl: string | null;
}

/** A line in a log's activity: a legacy note or an operator's act. */
export interface ActivityNote {
  at: number;
  actor: string;
  kind: string;
  note: string;
  detail: JsonObject | null;
}
