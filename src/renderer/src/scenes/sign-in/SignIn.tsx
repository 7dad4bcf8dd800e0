import { type FormEvent, useRef, useState } from 'react';
import { useConsole, useConsoleState } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';

/** Asks for the user key; it is kept for this tab only. */
export function SignIn() {
  const console = useConsole();
  const farewell = useConsoleState((state) => state.session.message);
  const input = useRef<HTMLInputElement>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const message = refusal ?? farewell;

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const key = input.current?.value.trim();
    if (!key) {
      setRefusal('Enter your user key.');
      return;
    }
    setBusy(true);
    setRefusal(await console.signIn(key));
    setBusy(false);
  }

  return (
    <form className="sign-in" onSubmit={(event) => void submit(event)}>
      <h2>Sign in</h2>
      <label htmlFor="key">User key</label>
      <input
        ref={input}
        id="key"
        type="password"
        autoComplete="off"
        spellCheck={false}
        aria-describedby="key-hint"
        aria-invalid={refusal !== null}
      />
      <p id="key-hint" className="quiet">
        On first start LabRelay writes an administrator’s key to the file <code>admin.token</code>{' '}
        in its data folder, unless <code>LABRELAY_ADMIN_TOKEN</code> set one.{' '}
        <code>labrelay serve</code> prints where that folder is. The key is kept until this tab is
        closed.
      </p>
      {message && <Notice kind="error">{message}</Notice>}
      <button type="submit" className="primary" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
  );
}
