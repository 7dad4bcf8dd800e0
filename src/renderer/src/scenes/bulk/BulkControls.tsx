import { useState } from 'react';
import type { BulkRetryAction } from '../../../../shared/model/bulk-retry.ts';
import type { BulkRetry } from '../../app/state.ts';
import { useConsole, useIsOperator } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';

/** What a person may do to it now; each button says what will happen. */
export function BulkControls({ bulk }: { bulk: BulkRetry }) {
  const console = useConsole();
  const isOperator = useIsOperator();
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const actions = actionsOf(bulk);
  if (!isOperator || actions.length === 0) return null;

  async function act(action: BulkRetryAction): Promise<void> {
    const { waiting, queued } = bulk.progress;
    const question = `Cancel it for good? ${waiting} of its logs wait and ${queued} are under way.`;
    if (action === 'cancel' && bulk.started_at && !window.confirm(question)) return;
    setBusy(true);
    const asked = await console.ask('controlBulkRetry', {
      bulk_retry_id: bulk.bulk_retry_id,
      action,
      // Started as it was looked at, or not at all.
      ...(action === 'start' ? { expected_total: bulk.total } : {}),
    });
    setBusy(false);
    setRefusal(asked.ok ? null : asked.message);
    await console.refresh();
  }

  return (
    <>
      {bulk.state === 'PLANNED' && bulk.plan?.needs_reason && (
        <Notice kind="warning">
          Some are refused for want of a reason. To have those sent too, plan it anew with one.
        </Notice>
      )}
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <p className="actions">
        {actions.map(({ action, words, isPrimary }) => (
          <button
            key={action}
            type="button"
            className={isPrimary ? 'primary' : undefined}
            disabled={isBusy}
            onClick={() => void act(action)}
          >
            {words}
          </button>
        ))}
      </p>
    </>
  );
}

function actionsOf(
  bulk: BulkRetry,
): { action: BulkRetryAction; words: string; isPrimary?: true }[] {
  const cancel = { action: 'cancel', words: 'Cancel: send none of the rest' } as const;
  switch (bulk.state) {
    case 'PLANNING':
      return [cancel];
    case 'PLANNED': {
      const sent = bulk.total - (bulk.plan?.refused ?? 0);
      const first = bulk.has_canary ? ', one of each integration first' : '';
      const start = {
        action: 'start',
        words: `Send ${sent === 1 ? 'one log' : `${sent} logs`} again${first}`,
        isPrimary: true,
      } as const;
      return sent === 0 ? [cancel] : [start, cancel];
    }
    case 'CANARY':
    case 'RUNNING':
      return [{ action: 'pause', words: 'Pause: queue no more for now' }, cancel];
    case 'PAUSED':
    case 'STOPPED':
      return [{ action: 'resume', words: 'Resume', isPrimary: true }, cancel];
    case 'DONE':
    case 'CANCELLED':
      return [];
  }
}
