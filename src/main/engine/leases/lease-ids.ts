import type { CallbackReport } from '../../../shared/contract/callback.ts';
import { fieldError } from '../../../shared/errors.ts';
import { type Lease, parseLeaseId } from '../../../shared/model/lease.ts';
import { lostLease } from './faults.ts';

/** @throws LabRelayError `LEASE_LOST`: nothing else than what leaseTasks gave is a lease */
export function leaseOf(id: string): Lease {
  const lease = parseLeaseId(id);
  if (!lease) throw lostLease('LOST');
  return lease;
}

/** A worker that has mixed up two tasks must not settle the wrong one. */
export function refuseOtherIds(
  body: Pick<CallbackReport, 'attempt_id'> & { log_id?: unknown },
  ids: { log_id: string; attempt_id: string },
): void {
  for (const field of ['log_id', 'attempt_id'] as const) {
    const told = body[field];
    if (told !== undefined && told !== null && told !== ids[field]) {
      throw fieldError(
        'INVALID_INPUT',
        field,
        'does not belong to this lease_id; send it as integration_payload gave it, or leave it out',
      );
    }
  }
}
