import { type FormEvent, useState } from 'react';
import { useConsole } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';
import { BodyChoice, type ChosenBody } from './BodyChoice.tsx';
import { EditedBody } from './EditedBody.tsx';
import type { Preview } from './RetryPanel.tsx';

interface RetryFormProps {
  preview: Preview;
  /** Shows bodies in clear, which is recorded. @returns why it was refused, or null */
  reveal: (reason: string) => Promise<string | null>;
  onDone: (message: string) => void;
}

/** Which bytes go, why, and the button that says what will happen. */
export function RetryForm({ preview, reveal, onDone }: RetryFormProps) {
  const console = useConsole();
  const [body, setBody] = useState<ChosenBody>(
    preview.now.outcome === 'FAILED' ? 'stored' : 'fresh',
  );
  const [edited, setEdited] = useState<string | null>(null);
  const [reason, setReason] = useState('');
  const [accepts, setAccepts] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { terms } = preview;

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const fault = faultOf(preview, { body, edited, reason, accepts });
    if (fault) return setRefusal(fault);
    setBusy(true);
    const asked = await console.ask('retryIntegration', {
      log_id: preview.log_id,
      body,
      ...(reason.trim() === '' ? {} : { reason }),
      ...(accepts ? { accept_duplicates: true } : {}),
      ...bytesOf(preview, body, edited),
    });
    setBusy(false);
    if (!asked.ok) return setRefusal(asked.message);
    const { revision, waits } = asked.output;
    onDone(
      `Queued with revision ${revision}${waits === null ? '' : '; it waits for now, see below'}. What becomes of it shows here by itself.`,
    );
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <BodyChoice preview={preview} value={body} onChange={setBody} />
      {body === 'edited' && (
        <EditedBody preview={preview} value={edited} onChange={setEdited} reveal={reveal} />
      )}
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
        <button type="submit" className="primary" disabled={isBusy}>
          {isBusy ? 'Sending …' : wordsOf(preview, body)}
        </button>
      </p>
    </form>
  );
}

interface Wish {
  body: ChosenBody;
  edited: string | null;
  reason: string;
  accepts: boolean;
}

function faultOf({ terms }: Preview, { body, edited, reason, accepts }: Wish): string | null {
  if (body === 'edited' && edited === null) return 'Show the body in clear first, then edit it.';
  if (terms === 'REASON' && !isReason(reason)) return 'Say why in a few words.';
  if (terms === 'CONFIRM' && !accepts && !isReason(reason)) {
    return 'Confirm that the receiver may then have it twice, or say why.';
  }
  return null;
}

/** The bytes that were looked at: others are refused. */
function bytesOf({ now, last_sent: last }: Preview, body: ChosenBody, edited: string | null) {
  switch (body) {
    case 'fresh':
      return now.sha256 === null ? {} : { expected_sha256: now.sha256 };
    case 'stored':
      return last === null ? {} : { revision: last.revision };
    case 'edited':
      return { payload: edited ?? '' };
  }
}

function wordsOf({ now, last_sent: last }: Preview, body: ChosenBody): string {
  switch (body) {
    case 'fresh':
      return now.outcome === 'SAME'
        ? `Send revision ${now.revision} again`
        : `Send it as built anew: revision ${now.revision}`;
    case 'stored':
      return `Send revision ${last?.revision} as it was sent last`;
    case 'edited':
      return 'Send the edited body as a new revision';
  }
}
