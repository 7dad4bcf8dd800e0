import { useId } from 'react';

/** As the server asks for at least. */
const SHORTEST_REASON = 3;

/** Whether it says anything. */
export function isReason(text: string): boolean {
  return text.trim().length >= SHORTEST_REASON;
}

interface ReasonFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  isNeeded?: boolean;
  hasFocus?: boolean;
}

/** Why a person does it; it is kept with what is done. */
export function ReasonField({ label, value, onChange, isNeeded, hasFocus }: ReasonFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="text"
        autoComplete="off"
        maxLength={500}
        required={isNeeded}
        // Asked for by the press of a button, so the focus is expected here.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus={hasFocus}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}
