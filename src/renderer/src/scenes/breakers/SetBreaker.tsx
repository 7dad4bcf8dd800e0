import { type FormEvent, useState } from 'react';
import { useConsole } from '../../app/context.ts';
import { leaveOnEscape } from '../../app/keys.ts';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';

const WORDS = {
  open: {
    label: 'Why is nothing of this integration to leave? The answer is kept.',
    button: 'Stop it: nothing leaves until it is closed again',
  },
  closed: {
    label: 'Why may its deliveries go again? The answer is kept.',
    button: 'Let its deliveries go, in their order',
  },
} as const;

interface SetBreakerProps {
  labIntegrationId: number;
  /** What it is to be. */
  state: 'open' | 'closed';
  onDone: () => void;
}

/** Opens or closes an integration's breaker by hand, for a reason. */
export function SetBreaker({ labIntegrationId, state, onDone }: SetBreakerProps) {
  const console = useConsole();
  const [reason, setReason] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { label, button } = WORDS[state];

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (!isReason(reason)) return setRefusal('Say why in a few words.');
    setBusy(true);
    const asked = await console.ask('setBreaker', {
      lab_integration_id: labIntegrationId,
      state,
      reason,
    });
    setBusy(false);
    if (!asked.ok) return setRefusal(asked.message);
    await console.refresh();
    onDone();
  }

  return (
    <form
      className="panel"
      onSubmit={(event) => void submit(event)}
      onKeyDown={leaveOnEscape(onDone)}
    >
      <ReasonField label={label} value={reason} onChange={setReason} isNeeded hasFocus />
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <p className="actions">
        <button type="submit" className="primary" disabled={isBusy}>
          {button}
        </button>
        <button type="button" onClick={onDone}>
          Back
        </button>
      </p>
    </form>
  );
}
