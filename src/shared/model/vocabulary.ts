/**
 * The closed sets of words that a log document, a task and an attempt are told in.
 * Every switch over one of them is exhaustive, so adding a word shows every place that must know it.
 */

/** Which way the call went: out to a partner, or a third party's call into the lab. */
export const DIRECTIONS = ['OUTBOUND', 'INBOUND'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/**
 * Where a delivery stands for an operator.
 * `QUEUED` is normal (handed on, confirmation outstanding); `FAIL` holds from the first failed
 * attempt on, also while a retry waits or runs; `SUPPRESSED` reports no status at all.
 */
export const LOG_STATUSES = ['PENDING', 'QUEUED', 'SUCCESS', 'FAIL', 'SUPPRESSED'] as const;
export type LogStatus = (typeof LOG_STATUSES)[number];

/** Whether the receiver may already have the message; it decides what a retry may do. */
export const CERTAINTIES = [
  'NOT_SENT',
  'REFUSED_RETRYABLE',
  'REFUSED',
  'UNKNOWN',
  'COMMITTED',
  'ACCEPTED',
] as const;
export type Certainty = (typeof CERTAINTIES)[number];

/** What the retry machinery is doing with a log. */
export const RETRY_STATES = [
  'NONE',
  'SCHEDULED',
  'RUNNING',
  'EXHAUSTED',
  'CANCELLED',
  'HELD',
] as const;
export type RetryState = (typeof RETRY_STATES)[number];

/** Why a delivery waits although it could be sent. */
export const HELD_REASONS = [
  /** Its integration was soft-disabled; enabling it asks what is to become of what waits. */
  'INTEGRATION_DISABLED',
  /** Others of its ordering key were held before it and are being dealt with. */
  'BEHIND_HELD',
  /** The partner cannot be reached; a probe asks again and again. */
  'ENDPOINT_DOWN',
  /** The rule or its credentials cannot be used as they are; a probe tries again and again. */
  'RULE_UNFIT',
  /** Too many deliveries in a row have failed; a probe tries again and again. */
  'BREAKER_OPEN',
  /** It was open in a backup that was restored: the partner may have got it since. */
  'RESTORED_BACKUP',
  /** The one before it in its ordering key is under way. */
  'BEHIND_HEAD',
  /** The one before it in its ordering key is in doubt. */
  'HEAD_UNKNOWN',
  /** The one before it in its ordering key was refused. */
  'HEAD_REFUSED',
  /** The one before it in its ordering key has failed and is to be tried again. */
  'HEAD_RETRYING',
  /** Its batch is not complete yet, or its tasks are just being let go. */
  'BATCH_RECEIVING',
] as const;
export type HeldReason = (typeof HELD_REASONS)[number];

/** How far the thread of a `log_id` has come, in the order in which the stages are passed. */
export const STAGES = [
  'CREATED',
  'ENQUEUED',
  'DISPATCHED',
  'LIVEHEALTHAPI',
  'MIRTH',
  'DOWNSTREAM',
  'CONFIRMED',
  'REPORTED',
] as const;
export type Stage = (typeof STAGES)[number];

/** `STAT` is claimed before everything routine. */
export const PRIORITIES = ['STAT', 'ROUTINE'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Why an attempt was made: the first one, one of the schedule's, or an operator's. */
export const ATTEMPT_KINDS = ['FIRST', 'AUTO', 'MANUAL'] as const;
export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

export const TRANSPORTS = ['http', 'hl7'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export const HTTP_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

/**
 * What went wrong with an attempt, as a closed set: certainty is decided from these codes and the
 * response status alone, never from a message text.
 */
export const ERROR_KINDS = [
  /** The name did not resolve. Nothing was sent. */
  'DNS',
  /** The connection was refused or the network is unreachable. Nothing was sent. */
  'CONNECT',
  /** No connection within the connect time-out. Nothing was sent. */
  'CONNECT_TIMEOUT',
  /** The TLS handshake failed. Nothing of the message was sent. */
  'TLS',
  /** The call's time ran out before the request was written. Nothing was sent. */
  'TIMEOUT_BEFORE_SEND',
  /** No complete answer in time, after bytes had left. */
  'TIMEOUT',
  /** The connection broke after bytes had left. */
  'CONNECTION_LOST',
  /** The answer was not HTTP, or broke the protocol. */
  'BAD_RESPONSE',
  /** The partner answered with a status that is no success (3xx, 4xx, 5xx). */
  'HTTP_STATUS',
  /** This message has nothing that could be sent: its mapping failed or does not fit. Nothing was sent. */
  'PAYLOAD',
  /** The rule or its credentials cannot be used as configured; nothing was sent. */
  'CONFIGURATION',
  /** The token endpoint gave no token (down, slow, refusing). Nothing was sent to the partner. */
  'CREDENTIALS',
  /** The address is one that nothing is sent to, or not on the rule's allow-list. Nothing was sent. */
  'TARGET_REFUSED',
  /** The engine ended while the attempt was under way. */
  'CRASH',
  /** The task's handler died before it could report; see the failed-task queue. */
  'HANDLER',
  /** An outside worker had marked the attempt started, and its lease ran out without a report. */
  'LEASE_EXPIRED',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** How an appointment stands. One whose system tells no word is `BOOKED`. */
export const APPOINTMENT_STATUSES = ['BOOKED', 'CONFIRMED', 'CANCELLED'] as const;
export type AppointmentStatus = (typeof APPOINTMENT_STATUSES)[number];

/** What went wrong with a call into the lab. */
export const CALL_ERROR_KINDS = [
  /** It was answered 4xx: the caller is told what to mend. */
  'CALL_REFUSED',
  /** LabRelay could not do it (5xx). */
  'CALL_FAILED',
  /** The caller went away before its call was complete or answered. */
  'CALLER_GONE',
] as const;
export type CallErrorKind = (typeof CALL_ERROR_KINDS)[number];

/** An operator's word on a log that no signal settles. */
export const RESOLUTIONS = ['delivered', 'not_delivered'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** Where a revision's bytes came from. */
export const REVISION_REASONS = ['FIRST', 'REBUILT', 'EDITED'] as const;
export type RevisionReason = (typeof REVISION_REASONS)[number];

/**
 * What a retry's body was made of. `STORED`: bytes of an earlier revision, nothing was read. `SAME`:
 * built anew, and nothing had changed. `CHANGED`: built anew as another revision. `EDITED`: a person
 * wrote it.
 */
export const RETRY_BODY_ORIGINS = ['STORED', 'SAME', 'CHANGED', 'EDITED'] as const;
export type RetryBodyOrigin = (typeof RETRY_BODY_ORIGINS)[number];

/** Where the domain objects of a body that was built anew were read. */
export const OBJECTS_FROM = ['SOURCE', 'LOCAL'] as const;
export type ObjectsFrom = (typeof OBJECTS_FROM)[number];

/** Why a task is in the failed-task queue. */
export const FAILED_TASK_CAUSES = ['EXCEPTION', 'TIMEOUT', 'CRASHED_TWICE'] as const;
export type FailedTaskCause = (typeof FAILED_TASK_CAUSES)[number];

/** Kinds of the lab system's own objects. */
export const DOMAIN_KINDS = ['patient', 'bill', 'sample', 'report', 'appointment'] as const;
export type DomainKind = (typeof DOMAIN_KINDS)[number];

/** Kinds of domain object that payloads are built from: an event's own document is one too. */
export const OBJECT_KINDS = ['event', ...DOMAIN_KINDS] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** What a credential for calls into LabRelay is for. */
export const ACCESS_KEY_KINDS = ['inbound', 'user', 'internal'] as const;
export type AccessKeyKind = (typeof ACCESS_KEY_KINDS)[number];

/** Roles of people, weakest first: each includes those before it. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];
