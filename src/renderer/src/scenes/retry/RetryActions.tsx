import { useState } from 'react';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { useConsoleState, useIsOperator } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { SetBreaker } from '../breakers/SetBreaker.tsx';
import { CancelRetry } from './CancelRetry.tsx';
import { RetryPanel } from './RetryPanel.tsx';

/** What operators can do to a delivery: send it again, or stop what would still be sent of it. */
export function RetryActions({ log }: { log: LogDocument }) {
  const isOperator = useIsOperator();
  const [open, setOpen] = useState<'retry' | 'cancel' | 'stop' | null>(null);
  const { lab_integration_id: integration } = log;
  const isStopped = useConsoleState(({ breakers }) =>
    breakers.some(
      ({ lab_integration_id: id, reason }) => id === integration && reason === 'BY_HAND',
    ),
  );
  const [done, setDone] = useState<string | null>(null);
  if (!isOperator || log.direction === 'INBOUND') return null;

  const end = (message: string | null) => {
    setOpen(null);
    setDone(message);
  };
  return (
    <section aria-label="Retry">
      <p className="actions">
        <button
          type="button"
          aria-expanded={open === 'retry'}
          onClick={() => setOpen(open === 'retry' ? null : 'retry')}
        >
          Retry …
        </button>
        {isToBeSent(log) && (
          <button
            type="button"
            aria-expanded={open === 'cancel'}
            onClick={() => setOpen(open === 'cancel' ? null : 'cancel')}
          >
            Cancel retry …
          </button>
        )}
        {integration !== null && !isStopped && (
          <button
            type="button"
            aria-expanded={open === 'stop'}
            onClick={() => setOpen(open === 'stop' ? null : 'stop')}
          >
            Stop its integration …
          </button>
        )}
      </p>
      {done && <Notice kind="info">{done}</Notice>}
      {open === 'retry' && <RetryPanel log={log} onDone={end} />}
      {open === 'stop' && integration !== null && (
        <SetBreaker labIntegrationId={integration} state="open" onDone={() => end(null)} />
      )}
      {open === 'cancel' && <CancelRetry logId={log.log_id} onDone={end} />}
    </section>
  );
}

/** Something of it would still leave by itself. */
function isToBeSent({ retry_state: state, status, held_reason: held }: LogDocument): boolean {
  return (
    state === 'SCHEDULED' ||
    state === 'RUNNING' ||
    state === 'HELD' ||
    status === 'PENDING' ||
    held !== null
  );
}
