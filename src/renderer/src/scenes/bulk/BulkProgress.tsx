import { addressOfLog } from '../../app/address.ts';
import type { BulkRetry } from '../../app/state.ts';
import { Time } from '../../components/Time.tsx';

/** How far it is. */
export function BulkProgress({ bulk }: { bulk: BulkRetry }) {
  const { progress, total, canaries, estimated_end_at: end } = bulk;
  const { waiting, queued, done, succeeded, failed, refused, skipped } = progress;
  const settled = done + refused + skipped;
  return (
    <>
      <h3>How far it is</h3>
      <p>
        <label htmlFor="bulk-progress">
          {settled} of {total} settled
        </label>{' '}
        <progress id="bulk-progress" max={Math.max(1, total)} value={settled} />
      </p>
      <p>
        {succeeded} succeeded, {failed} failed, {queued} under way, {waiting} waiting, {refused}{' '}
        refused, {skipped} skipped.
        {end && (
          <>
            {' '}
            At the set rate the last one is queued at <Time at={end} />.
          </>
        )}
      </p>
      {canaries.length > 0 && (
        <p>
          Sent first: {canaries.filter(({ verdict }) => verdict === 'GOOD').length} of{' '}
          {canaries.length} good
          {canaries
            .filter(({ verdict }) => verdict === 'FAILED')
            .map(({ log_id: logId, lab_integration_id: integration, failure_class: kind }) => (
              <span key={logId}>
                , that of integration {integration} has failed ({kind}):{' '}
                <a href={addressOfLog(logId)}>
                  <code>…{logId.slice(-12)}</code>
                </a>
              </span>
            ))}
          .
        </p>
      )}
      {progress.by_failure_class.length > 0 && (
        <ul>
          {progress.by_failure_class.map(({ failure_class: kind, count }) => (
            <li key={kind}>
              {count} failed with {kind}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
