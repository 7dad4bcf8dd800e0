import type { Certainty, ErrorKind, LogStatus } from '../../../shared/model/vocabulary.ts';

/** How a delivery must have ended. */
export interface Expected {
  status: LogStatus;
  certainty: Certainty;
  error_kind: ErrorKind | null;
  response_status_code: number | null;
}

/** The partner took it. */
export const accepted = (code: number) => (): Expected => ({
  status: 'SUCCESS',
  certainty: 'ACCEPTED',
  error_kind: null,
  response_status_code: code,
});

/** The partner took it and asked that no status be reported. */
export const suppressed = (code: number) => (): Expected => ({
  status: 'SUPPRESSED',
  certainty: 'ACCEPTED',
  error_kind: null,
  response_status_code: code,
});

/** The partner answered with a status that is no success. */
export const refused = (code: number, certainty: Certainty) => (): Expected => ({
  status: 'FAIL',
  certainty,
  error_kind: 'HTTP_STATUS',
  response_status_code: code,
});

/** No status came back. */
export const failed = (kind: ErrorKind, certainty: Certainty) => (): Expected => ({
  status: 'FAIL',
  certainty,
  error_kind: kind,
  response_status_code: null,
});
