import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { retryWords } from '../words.ts';
import { Time } from './Time.tsx';

/** What is being done to send a log again, in a few words; nothing where nothing is. */
export function RetryMark({
  log,
}: {
  log: Pick<LogSummaryDocument, 'retry_state' | 'next_retry_at'>;
}) {
  if (log.retry_state === 'NONE') return null;
  return (
    <span className="retry-mark">
      {' '}
      <span aria-hidden="true">↻</span> Retry: {retryWords(log).toLowerCase()}
      {log.retry_state === 'SCHEDULED' && log.next_retry_at && (
        <>
          , <Time at={log.next_retry_at} />
        </>
      )}
    </span>
  );
}
