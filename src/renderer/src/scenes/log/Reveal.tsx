import { type FormEvent, type KeyboardEvent, useRef, useState } from 'react';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { useConsole, useConsoleState } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';

/** As the server asks for at least. */
const SHORTEST_REASON = 3;

/**
 * Says that patient data is masked. To operators it offers to show it, for a reason and on record;
 * the server decides, this only spares viewers a button that would refuse them.
 */
export function Reveal({ log }: { log: LogDocument }) {
  const console = useConsole();
  const revealed = useConsoleState((state) => state.revealed);
  const role = useConsoleState((state) =>
    state.session.state === 'in' ? state.session.who.role : 'viewer',
  );
  const [isAsking, setAsking] = useState(false);

  if (revealed) {
    return (
      <Notice kind="info">
        Patient data is shown in clear, and that you have seen it is recorded.
        {revealed.updated_at !== log.updated_at && ' The log has changed since.'}{' '}
        <button type="button" onClick={() => console.hide()}>
          Hide it again
        </button>
      </Notice>
    );
  }
  if (isAsking) return <ReasonForm onDone={() => setAsking(false)} />;
  return (
    <p className="quiet reveal">
      Patient data is masked.{' '}
      {role !== 'viewer' && (
        <button type="button" onClick={() => setAsking(true)}>
          Reveal
        </button>
      )}
    </p>
  );
}

function ReasonForm({ onDone }: { onDone: () => void }) {
  const console = useConsole();
  const input = useRef<HTMLInputElement>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const reason = input.current?.value.trim() ?? '';
    if (reason.length < SHORTEST_REASON) {
      setRefusal('Say why in a few words.');
      return;
    }
    setBusy(true);
    const refused = await console.reveal(reason);
    setBusy(false);
    if (refused === null) onDone();
    else setRefusal(refused);
  }

  /** Esc leaves the question, not the log. */
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    onDone();
  }

  return (
    <form className="reveal" onSubmit={(event) => void submit(event)} onKeyDown={onKeyDown}>
      <label htmlFor="reveal-reason">Why do you need to see it? The answer is recorded.</label>
      <input
        ref={input}
        id="reveal-reason"
        type="text"
        autoComplete="off"
        maxLength={500}
        // Asked for by the press of a button, so the focus is expected here.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        aria-invalid={refusal !== null}
      />
      {refusal && <Notice kind="error">{refusal}</Notice>}
      <button type="submit" className="primary" disabled={isBusy}>
        {isBusy ? 'Asking …' : 'Reveal'}
      </button>{' '}
      <button type="button" onClick={onDone}>
        Cancel
      </button>
    </form>
  );
}
