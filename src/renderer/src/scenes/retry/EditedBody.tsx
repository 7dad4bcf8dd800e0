import { useId, useState } from 'react';
import { Notice } from '../../components/Notice.tsx';
import { isReason, ReasonField } from '../../components/ReasonField.tsx';

interface EditedBodyProps {
  /** Null: it was not seen in clear yet. */
  value: string | null;
  onChange: (body: string) => void;
  /** @returns why it was refused, or null */
  reveal: (reason: string) => Promise<string | null>;
}

/** The body in clear, to be changed. A masked one must not be sent, so it is shown in clear first. */
export function EditedBody({ value, onChange, reveal }: EditedBodyProps) {
  const id = useId();
  const [reason, setReason] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);

  if (value === null) {
    const show = async () => {
      if (!isReason(reason)) return setRefusal('Say why in a few words.');
      setRefusal(await reveal(reason));
    };
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void show();
        }}
      >
        <ReasonField
          label="To edit it you must see it in clear. Why? The answer is recorded."
          value={reason}
          onChange={setReason}
        />
        {refusal && <Notice kind="error">{refusal}</Notice>}
        <p className="actions">
          <button type="submit">Show it in clear</button>
        </p>
      </form>
    );
  }
  return (
    <div className="field wide">
      <label htmlFor={id}>The body to be sent</label>
      <textarea
        id={id}
        rows={14}
        spellCheck={false}
        // Shown because it was asked for.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}
