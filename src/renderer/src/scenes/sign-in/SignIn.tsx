import { type FormEvent, useRef, useState } from 'react';
import { useConsole } from '../../app/context.ts';
import { Notice } from '../../components/Notice.tsx';

interface SignInProps {
  /** Why one is signed out, where one did not ask for it. */
  farewell: string | null;
}

/** Asks for the user key, which opens a session; the page does not keep it. */
export function SignIn({ farewell }: SignInProps) {
  const console = useConsole();
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
    const refused = await console.signIn(key);
    // Signed in, this page is gone.
    if (refused === null) return;
    setRefusal(refused);
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
        <code>labrelay serve</code> prints where that folder is. You stay signed in for 12 hours, or
        until you leave the console alone for one, unless LabRelay is set otherwise.
      </p>
      {message && <Notice kind="error">{message}</Notice>}
      <button type="submit" className="primary" disabled={isBusy}>
        {isBusy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
  );
}
