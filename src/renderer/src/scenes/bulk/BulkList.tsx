import { useState } from 'react';
import type { BulkSummary, Loadable } from '../../app/state.ts';
import { addressOfBulk } from '../../app/address.ts';
import { useConsole } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { Time } from '../../components/Time.tsx';
import { BULK_STATE_WORDS } from '../../words.ts';

/** The newest bulk retries, each of which can be opened again: whoever left one finds it here. */
export function BulkList() {
  const console = useConsole();
  const [bulks, setBulks] = useState<Loadable<BulkSummary[]>>({ state: 'loading' });

  async function load(): Promise<void> {
    const asked = await console.ask('listBulkRetries', {});
    setBulks(
      asked.ok
        ? { state: 'ready', value: asked.output.items }
        : { state: 'error', message: asked.message },
    );
  }

  return (
    <details
      onToggle={(event) => {
        if (event.currentTarget.open) void load();
      }}
    >
      <summary>Bulk retries</summary>
      {bulks.state === 'loading' && <p role="status">Loading bulk retries …</p>}
      {bulks.state === 'error' && <Notice kind="error">{bulks.message}</Notice>}
      {bulks.state === 'ready' && bulks.value.length === 0 && (
        <p className="quiet">There is none yet.</p>
      )}
      {bulks.state === 'ready' && (
        <ul>
          {bulks.value.map((bulk) => (
            <li key={bulk.bulk_retry_id}>
              <BulkLine bulk={bulk} />
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}

function BulkLine({ bulk }: { bulk: BulkSummary }) {
  const { icon, word, badge } = BULK_STATE_WORDS[bulk.state];
  const { succeeded, failed } = bulk.progress;
  return (
    <>
      <a href={addressOfBulk(bulk.bulk_retry_id)}>
        <Time at={bulk.created_at} />, {bulk.total === 1 ? 'one log' : `${bulk.total} logs`}
      </a>{' '}
      <span className={`badge badge-${badge}`}>
        <span aria-hidden="true">{icon}</span> {word}
      </span>{' '}
      by {bulk.created_by}: {succeeded} succeeded, {failed} failed
      {bulk.reason && `. Reason: ${bulk.reason}`}
    </>
  );
}
