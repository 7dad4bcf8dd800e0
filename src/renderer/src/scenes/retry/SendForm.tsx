import { type FormEvent, useState } from 'react';
import { useConsole } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';
import { HELD_WORDS } from '../../words.ts';
import type { Preview } from './use-preview.ts';
import { type BodyWish, bytesOf } from './wish.ts';

interface SendFormProps {
  /** What was looked at: these very bytes are sent, or none. */
  preview: Preview;
  wish: BodyWish;
  /** Something else is being looked at. */
  isLooking: boolean;
  /** Looks at the same once more: what is sent must be what was seen. */
  onLookAgain: () => void;
  onDone: (message: string) => void;
}

/** Why it goes, and the button that says what will happen. */
export function SendForm({ preview, wish, isLooking, onLookAgain, onDone }: SendFormProps) {
  const console = useConsole();
  const [reason, setReason] = useState('');
  const [accepts, setAccepts] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { terms, now } = preview;

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const fault = faultOf(terms, reason, accepts);
    if (fault) return setRefusal(fault);
    setBusy(true);
    const asked = await console.ask('retryIntegration', {
      log_id: preview.log_id,
      ...bytesOf(wish),
      ...(reason.trim() === '' ? {} : { reason }),
      ...(accepts ? { accept_duplicates: true } : {}),
      ...(now.sha256 === null ? {} : { expected_sha256: now.sha256 }),
    });
    setBusy(false);
    if (!asked.ok) return setRefusal(asked.message);
    const { revision, waits } = asked.output;
    onDone(
      `Queued with revision ${revision}. ${waits === null ? 'What becomes of it shows here by itself.' : `It waits for now: ${HELD_WORDS[waits]}`}`,
    );
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <ReasonField
        label={
          terms === 'REASON'
            ? 'Why is it to be sent again? (needed)'
            : 'Why is it to be sent again? (if you like)'
        }
        value={reason}
        onChange={setReason}
        isNeeded={terms === 'REASON'}
      />
      {terms === 'CONFIRM' && (
        <label className="check">
          <input
            type="checkbox"
            checked={accepts}
            onChange={(event) => setAccepts(event.target.checked)}
          />
          Send it although the receiver may then have it twice
        </label>
      )}
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <p className="actions">
        <button type="submit" className="primary" disabled={isBusy || isLooking}>
          {isBusy ? 'Sending …' : wordsOf(preview)}
        </button>
        {refusal && (
          <button
            type="button"
            onClick={() => {
              setRefusal(null);
              onLookAgain();
            }}
          >
            Look again
          </button>
        )}
      </p>
    </form>
  );
}

function faultOf(terms: Preview['terms'], reason: string, accepts: boolean): string | null {
  if (terms === 'REASON' && !isReason(reason)) return 'Say why in a few words.';
  if (terms === 'CONFIRM' && !accepts && !isReason(reason)) {
    return 'Confirm that the receiver may then have it twice, or say why.';
  }
  return null;
}

function wordsOf({ now }: Preview): string {
  const { made, outcome, revision } = now;
  if (made === 'EDITED') return `Send the edited body as revision ${revision}`;
  if (outcome === 'SAME') return `Send revision ${revision} again`;
  if (made === 'STORED') return `Send revision ${revision} as it is stored`;
  return `Send it as built anew: revision ${revision}`;
}
