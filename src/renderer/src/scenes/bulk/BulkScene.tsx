import { useEffect, useRef } from 'react';
import type { BulkRetry } from '../../app/state.ts';
import { useConsoleState } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { Time } from '../../components/Time.tsx';
import { BULK_ACT_WORDS, BULK_STATE_WORDS } from '../../words.ts';
import { BulkControls } from './BulkControls.tsx';
import { BulkPlan } from './BulkPlan.tsx';
import { BulkProgress } from './BulkProgress.tsx';
import { BulkRows } from './BulkRows.tsx';

/** One bulk retry: its plan, how far it is, what can be done to it, and what became of each log. */
export function BulkScene({ bulkRetryId }: { bulkRetryId: string }) {
  const bulk = useConsoleState((state) => state.bulk);
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => heading.current?.focus(), []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  return (
    <section className="log" aria-labelledby="bulk-heading">
      <div className="log-head">
        <h2 id="bulk-heading" ref={heading} tabIndex={-1}>
          Bulk retry <code>{bulkRetryId.slice(-12)}</code>
        </h2>
        <button type="button" aria-keyshortcuts="Escape" onClick={close}>
          Close
        </button>
      </div>
      {bulk.state === 'loading' && <p role="status">Loading the bulk retry …</p>}
      {bulk.state === 'error' && <Notice kind="error">{bulk.message}</Notice>}
      {bulk.state === 'ready' && <BulkBody bulk={bulk.value} />}
    </section>
  );
}

function BulkBody({ bulk }: { bulk: BulkRetry }) {
  const { icon, word, meaning, badge } = BULK_STATE_WORDS[bulk.state];
  const isBegun = bulk.started_at !== null;
  return (
    <>
      <p className="verdict">
        <span className={`badge badge-${badge}`}>
          <span aria-hidden="true">{icon}</span> {word}
        </span>{' '}
        {meaning}
      </p>
      {bulk.stop && (bulk.state === 'STOPPED' || bulk.state === 'PAUSED') && (
        <Notice kind="warning">{bulk.stop.sentence}</Notice>
      )}
      <p className="quiet">
        Planned by {bulk.created_by}, <Time at={bulk.created_at} />
        {bulk.started_at && (
          <>
            ; started by {bulk.started_by}, <Time at={bulk.started_at} />
          </>
        )}
        {bulk.ended_at && (
          <>
            ; ended <Time at={bulk.ended_at} />
          </>
        )}
        {bulk.reason && `. Reason: ${bulk.reason}`}
      </p>
      {bulk.acts.length > 0 && (
        <ul className="quiet">
          {bulk.acts.map(({ at, actor, action, reason }) => (
            <li key={`${at} ${action}`}>
              <Time at={at} />: {actor} {BULK_ACT_WORDS[action]}
              {reason && `: ${reason}`}
            </li>
          ))}
        </ul>
      )}
      {isBegun && <BulkProgress bulk={bulk} />}
      <BulkControls bulk={bulk} />
      {bulk.plan && <BulkPlan plan={bulk.plan} />}
      <BulkRows bulk={bulk} />
    </>
  );
}

function close(): void {
  window.location.hash = '';
}
