import type { Database } from 'better-sqlite3';
import { OWN_END } from '../../shared/model/bulk-retry-steps.ts';

/**
 * Plans canaries that have failed once more, inside the caller's transaction: whoever sets a bulk retry
 * going again has mended what they failed of. One that may have arrived stays failed, since nobody has
 * asked the receiver; so does one that has arrived by now, or that somebody has closed as delivered.
 */
export function createPlanCanariesAgain(db: Database): (bulkRetrySeq: number) => void {
  // What was never sent has changed nothing: it is as it was planned, unless somebody else has sent it.
  const again = db.prepare<[{ bulkRetrySeq: number; ownEnd: string }]>(
    `UPDATE bulk_retry_item AS i SET state = 'PLANNED', verdict = NULL, is_canary = 0, attempt = NULL,
       outcome = NULL, failure_class = NULL, queued_at = NULL, ended_at = NULL
     WHERE i.bulk_retry_seq = @bulkRetrySeq AND i.is_canary = 1 AND i.state IN ('DONE', 'SKIPPED')
       AND i.failure_class IS NOT NULL AND i.failure_class <> @ownEnd
       AND EXISTS (SELECT 1 FROM log l WHERE l.log_seq = i.log_seq
         AND coalesce(l.resolution, '') <> 'delivered'
         AND CASE i.state WHEN 'SKIPPED' THEN l.certainty IS i.certainty
           ELSE l.resolution IS 'not_delivered' OR EXISTS (SELECT 1 FROM attempt a
             WHERE a.log_seq = l.log_seq AND a.number = l.newest_attempt
               AND a.certainty IN ('NOT_SENT', 'REFUSED_RETRYABLE', 'REFUSED')) END)`,
  );
  return (bulkRetrySeq) => void again.run({ bulkRetrySeq, ownEnd: OWN_END });
}
