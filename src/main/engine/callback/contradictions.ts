import type { CallbackReport } from '../../../shared/contract/callback.ts';
import { fieldError } from '../../../shared/errors.ts';
import { type CertaintyOverrides, certaintyOfStatus } from '../../../shared/model/certainty.ts';

/**
 * Refuses a report whose status and whose facts cannot both be true: taken as it is, one of the two
 * would be believed, and nobody could tell afterwards which was wrong. What the partner wants
 * suppressed is no contradiction, since suppression replaces whatever status is told.
 *
 * @throws LabRelayError `INVALID_INPUT` naming the field at fault
 */
export function refuseContradiction(
  body: Pick<CallbackReport, 'status' | 'response_status_code' | 'error_kind' | 'error_message'>,
  overrides: CertaintyOverrides,
): void {
  const { status, response_status_code: code, error_kind: errorKind } = body;
  const saysSuccess = status === 'SUCCESS' || status === 'QUEUED';
  if (saysSuccess && errorKind) {
    throw fieldError(
      'INVALID_INPUT',
      'error_kind',
      `says that the delivery failed, but the status is ${status}; leave error_kind out, or send the status FAIL`,
    );
  }
  if (code === null || code === undefined) return;
  const certainty = certaintyOfStatus(code, overrides);
  const isSuccess = certainty === 'ACCEPTED' || certainty === 'COMMITTED';
  if (saysSuccess && !isSuccess) {
    throw fieldError(
      'INVALID_INPUT',
      'response_status_code',
      `${code} is no success for this rule, but the status is ${status}; send the status FAIL, leave the code out, or say in the rule's retry_policy.overrides what the partner means by it`,
    );
  }
  if (status === 'FAIL' && isSuccess && !errorKind && !body.error_message) {
    throw fieldError(
      'INVALID_INPUT',
      'response_status_code',
      `${code} is a success for this rule, but the status is FAIL; say in error_message what failed, or send the status SUCCESS`,
    );
  }
}
