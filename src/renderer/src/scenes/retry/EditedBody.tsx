import { useId, useState } from 'react';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';
import type { Preview } from './RetryPanel.tsx';

interface EditedBodyProps {
  preview: Preview;
  /** Null: nothing was edited yet. */
  value: string | null;
  onChange: (body: string) => void;
  reveal: (reason: string) => Promise<string | null>;
}

/** The body in clear, to be changed. A masked one must not be sent, so it is shown in clear first. */
export function EditedBody({ preview, value, onChange, reveal }: EditedBodyProps) {
  const id = useId();
  const [reason, setReason] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);

  if (preview.masked) {
    const show = async () => {
      if (!isReason(reason)) return setRefusal('Say why in a few words.');
      setRefusal(await reveal(reason));
    };
    return (
      <div className="field">
        <ReasonField
          label="To edit it you must see it in clear. Why? The answer is recorded."
          value={reason}
          onChange={setReason}
          hasFocus
        />
        {refusal && <Notice kind="error">{refusal}</Notice>}
        <p className="actions">
          <button type="button" onClick={() => void show()}>
            Show it in clear
          </button>
        </p>
      </div>
    );
  }
  const body = preview.now.body ?? preview.last_sent?.body ?? '';
  return (
    <div className="field">
      <label htmlFor={id}>The body to be sent</label>
      <textarea
        id={id}
        rows={14}
        spellCheck={false}
        value={value ?? indented(body)}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
