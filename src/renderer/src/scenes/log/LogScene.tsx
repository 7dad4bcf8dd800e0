import { useEffect, useRef } from 'react';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { useConsoleState } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { Headers, Payload } from '../../components/Payload.tsx';
import { StatusBadge } from '../../components/StatusBadge.tsx';
import { CALL_WORDS, CERTAINTY_WORDS, STATUS_WORDS } from '../../words.ts';
import { RetryActions } from '../retry/RetryActions.tsx';
import { Facts } from './Facts.tsx';
import { Fired } from './Fired.tsx';
import { Reveal } from './Reveal.tsx';
import { Revisions } from './Revisions.tsx';
import { Timeline } from './Timeline.tsx';

/** The log that is open. It stays where it is while its contents and the list are refreshed. */
export function LogScene({ logId }: { logId: string }) {
  const log = useConsoleState((state) => state.openLog);
  const revealed = useConsoleState((state) => state.revealed);
  const heading = useRef<HTMLHeadingElement>(null);

  // Whoever opens a log means to read it: focus goes there, and back to its row afterwards.
  useEffect(() => {
    heading.current?.focus();
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close(logId);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [logId]);

  return (
    <section className="log" aria-labelledby="log-heading">
      <div className="log-head">
        <h2 id="log-heading" ref={heading} tabIndex={-1}>
          Log <code>{logId}</code>
        </h2>
        <button type="button" aria-keyshortcuts="Escape" onClick={() => close(logId)}>
          Close
        </button>
      </div>
      {log.state === 'loading' && <p role="status">Loading the log …</p>}
      {log.state === 'error' && <Notice kind="error">{log.message}</Notice>}
      {log.state === 'ready' && (
        <>
          <Reveal log={log.value} />
          <RetryActions log={log.value} />
          <LogBody log={revealed ?? log.value} />
        </>
      )}
    </section>
  );
}

function verdictOf({ direction, certainty, status }: LogDocument): string {
  if (direction === 'INBOUND') return CALL_WORDS[status === 'SUCCESS' ? 'SUCCESS' : 'FAIL'];
  return certainty ? CERTAINTY_WORDS[certainty] : STATUS_WORDS[status].meaning;
}

function LogBody({ log }: { log: LogDocument }) {
  const isCall = log.direction === 'INBOUND';
  return (
    <>
      <p className="verdict">
        <StatusBadge status={log.status} /> {verdictOf(log)}
      </p>
      {log.error_kind && (
        <Notice kind="warning">
          {log.error_kind}: {log.error_message ?? 'no further detail'}
        </Notice>
      )}
      <Facts log={log} />
      {isCall ? (
        <Fired logIds={log.triggered} />
      ) : (
        <>
          <h3>What happened</h3>
          <Timeline log={log} />
        </>
      )}
      <h3>Request</h3>
      <p>
        {log.request_method ?? '–'} {log.end_point ?? 'no endpoint'}
      </p>
      <Headers fields={log.request_headers} />
      <Payload
        label="Request body"
        text={log.request_body}
        empty={isCall ? 'No body was read.' : 'No body was built.'}
      />
      {log.request_body_cut && <p className="quiet">Not all of its body came, or is kept.</p>}
      <h3>Response</h3>
      <p>
        {log.response_status_code === null
          ? isCall
            ? 'It was not answered.'
            : 'No response was received.'
          : `Status code ${log.response_status_code}`}
        {log.response_time !== null && ` after ${log.response_time} ms`}
      </p>
      <Headers fields={log.response_headers} />
      {log.response_status_code !== null && (
        <Payload label="Response body" text={log.response_body} empty="The response had no body." />
      )}
      {!isCall && (
        <>
          <h3>Revisions</h3>
          <Revisions revisions={log.revisions} />
        </>
      )}
    </>
  );
}

function close(logId: string): void {
  window.location.hash = '';
  document.querySelector<HTMLElement>(`[data-log-id="${CSS.escape(logId)}"]`)?.focus();
}
