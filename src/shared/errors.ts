/** One fault of an input: which field, and what to do about it. */
export interface FieldError {
  /** Dotted path in the caller's own words, e.g. `bill.patient.patient_id`; empty: the whole body. */
  field: string;
  reason: string;
}

/**
 * The stable codes under which errors cross a boundary, with the HTTP status (RFC 9110) and the
 * title of their problem document (RFC 9457).
 */
export const ERROR_CODES = {
  INVALID_JSON: [400, 'The body is not valid JSON'],
  MALFORMED_REQUEST: [400, 'The request is not complete HTTP'],
  INVALID_INPUT: [422, 'The input is not valid'],
  UNAUTHENTICATED: [401, 'A valid key is needed'],
  FORBIDDEN: [403, 'This key may not do that'],
  FOREIGN_ORIGIN: [403, 'The request comes from a foreign origin'],
  FOREIGN_HOST: [421, 'The request names a host that is not ours'],
  NOT_FOUND: [404, 'There is no such thing'],
  UNKNOWN_BATCH: [404, 'No batch has this batch_id'],
  UNKNOWN_BULK_RETRY: [404, 'No bulk retry has this bulk_retry_id'],
  UNKNOWN_LOG: [404, 'No log has this log_id'],
  UNKNOWN_APPOINTMENT: [404, 'The appointment is not known'],
  APPOINTMENT_CANCELLED: [409, 'The appointment was cancelled'],
  UNKNOWN_LAB: [422, 'The lab is not known'],
  UNKNOWN_ACTION_CATEGORY: [422, 'The action category is not known'],
  SWITCHED_OFF: [410, 'The route is switched off'],
  METHOD_NOT_ALLOWED: [405, 'The route does not take this method'],
  BODY_TOO_LARGE: [413, 'The body is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body is not JSON'],
  STALE_WRITE: [409, 'Someone else has changed it meanwhile'],
  ALREADY_DONE: [409, 'It was done already'],
  NOT_NOW: [409, 'It does not stand so that this can be done'],
  NAME_TAKEN: [409, 'The name is taken'],
  WAITING_CHOICE_NEEDED: [409, 'Say what is to become of the deliveries that wait'],
  LEASE_LOST: [409, 'The lease holds no task'],
  NOT_STARTED: [409, 'The attempt was not started'],
  DUPLICATES_POSSIBLE: [409, 'The receiver may already hold some of them'],
  EVENT_ID_REUSED: [422, 'The event_id was used for another event'],
  IDEMPOTENCY_KEY_REUSED: [422, 'The Idempotency-Key was used for another body'],
  IDEMPOTENCY_KEY_NEEDED: [422, 'An Idempotency-Key is needed'],
  MAPPING_FAILED: [422, 'The mapping does not work'],
  REASON_NEEDED: [422, 'A reason is needed'],
  RETRY_IMPOSSIBLE: [409, 'It cannot be retried as it is'],
  RATE_LIMITED: [429, 'Too many requests'],
  STORE_UNAVAILABLE: [503, 'The store cannot be written'],
  STOPPING: [503, 'LabRelay is stopping'],
  BATCH_UNFINISHED: [503, 'The batch is kept, and is not finished yet'],
  CONTENDED: [503, 'The same objects are being changed by others'],
  STORE_NEWER: [500, 'The data folder was written by a newer LabRelay'],
  BACKUP_FAILED: [500, 'The backup was not made'],
  NOT_A_BACKUP: [422, 'The file is no usable backup'],
  STORE_LOCKED: [500, 'Another LabRelay uses this data folder'],
  INTERNAL: [500, 'Something went wrong in LabRelay'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error as data (RFC 9457 problem document, snake_case as in all JSON here). It never carries
 * patient data or secrets.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  errors?: FieldError[];
}

/** An error that may cross a boundary; everything else becomes `INTERNAL` there. */
export class LabRelayError extends Error {
  override readonly name = 'LabRelayError';
  readonly code: ErrorCode;
  readonly errors: FieldError[];

  /**
   * @param code   which of the closed set
   * @param detail one sentence for a person: what is wrong and what to do
   * @param errors the fields at fault, where the input is
   */
  constructor(code: ErrorCode, detail: string, errors: FieldError[] = []) {
    super(detail);
    this.code = code;
    this.errors = errors;
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERROR_CODES[this.code][0];
  }

  toProblem(): Problem {
    const [status, title] = ERROR_CODES[this.code];
    return {
      type: `urn:labrelay:problem:${this.code.toLowerCase().replaceAll('_', '-')}`,
      title,
      status,
      code: this.code,
      detail: this.message,
      ...(this.errors.length > 0 ? { errors: this.errors } : {}),
    };
  }
}

/** Rebuilds the error that a problem document tells of, on the other side of a boundary. */
export function fromProblem(problem: Problem): LabRelayError {
  return new LabRelayError(problem.code, problem.detail, problem.errors ?? []);
}

/** An error about one field of the input. */
export function fieldError(code: ErrorCode, field: string, reason: string): LabRelayError {
  return new LabRelayError(code, `${field}: ${reason}`, [{ field, reason }]);
}

/** What an error says, for logs of our own; never for callers, since it may quote data. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
