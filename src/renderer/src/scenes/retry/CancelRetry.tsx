import { type FormEvent, useState } from 'react';
import { useConsole } from '../../app/context.ts';
import { leaveOnEscape } from '../../app/keys.ts';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';

const OUTCOMES = {
  CANCELLED: 'Nothing more of it is sent.',
  IN_FLIGHT: 'Its attempt is under way and ends by itself; nothing follows.',
  NOTHING: 'There was nothing left to be sent.',
} as const;

interface CancelRetryProps {
  logId: string;
  /** @param message what came of it; null: the question was left */
  onDone: (message: string | null) => void;
}

/** Stops what would still be sent of a log, for a reason. */
export function CancelRetry({ logId, onDone }: CancelRetryProps) {
  const console = useConsole();
  const [reason, setReason] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (!isReason(reason)) return setRefusal('Say why in a few words.');
    setBusy(true);
    const asked = await console.ask('cancelRetry', { log_id: logId, reason });
    if (asked.ok) return onDone(OUTCOMES[asked.output.outcome]);
    setBusy(false);
    setRefusal(asked.message);
  }

  return (
    <form
      className="panel"
      onSubmit={(event) => void submit(event)}
      onKeyDown={leaveOnEscape(() => onDone(null))}
    >
      <h3>Cancel the retry</h3>
      <ReasonField
        label="Why is it not to be sent? The answer is kept with the log."
        value={reason}
        onChange={setReason}
        isNeeded
        hasFocus
      />
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <p className="actions">
        <button type="submit" className="primary" disabled={isBusy}>
          Send nothing more of it
        </button>
        <button type="button" onClick={() => onDone(null)}>
          Back
        </button>
      </p>
    </form>
  );
}
