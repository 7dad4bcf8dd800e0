import { useEffect } from 'react';
import { Banners } from '../components/Banners.tsx';
import { HealthBar } from '../components/HealthBar.tsx';
import { LiveMark } from '../components/LiveMark.tsx';
import { Notice } from '../components/Notice.tsx';
import { Time } from '../components/Time.tsx';
import { OpenBreakers } from '../scenes/breakers/OpenBreakers.tsx';
import { BulkScene } from '../scenes/bulk/BulkScene.tsx';
import { LogScene } from '../scenes/log/LogScene.tsx';
import { LogIdBox } from '../scenes/logs/LogIdBox.tsx';
import { LogList } from '../scenes/logs/LogList.tsx';
import { SignIn } from '../scenes/sign-in/SignIn.tsx';
import { bulkOfAddress, logOfAddress } from './address.ts';
import { useConsole, useConsoleState } from './context.ts';
import { poll } from './polling.ts';
import { useIsVisible } from './visible.ts';

/** Pushes tell what changes; besides, everything is read anew so often (ms). */
const LIVE_MS = 30_000;
/** And so often while none come (ms). */
const NOT_LIVE_MS = 5_000;

/** The whole page: health on top, the newest logs, and beside them the log that is open. */
export function App() {
  const console = useConsole();
  const session = useConsoleState((state) => state.session);
  const signedIn = session.state === 'in';
  const openLogId = useConsoleState((state) => state.openLogId);
  const openBulkId = useConsoleState((state) => state.openBulkId);

  const line = useConsoleState((state) => state.line);
  const isStale = useConsoleState((state) => state.isStale);
  const isVisible = useIsVisible();
  // A line that goes to an engine which does not answer may be dead without knowing it.
  const isListening = signedIn && isVisible && !isStale;

  // Whenever the line has come or gone everything is read at once: what was missed is among it.
  useEffect(
    () => poll(() => console.refresh(), line === 'live' ? LIVE_MS : NOT_LIVE_MS),
    [console, line],
  );
  useEffect(() => (isListening ? console.goLive() : undefined), [console, isListening]);
  useEffect(() => {
    const follow = () => {
      void console.open(logOfAddress(window.location.hash));
      void console.openBulk(bulkOfAddress(window.location.hash));
    };
    follow();
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, [console]);

  return (
    <>
      <Banners />
      <header className="top">
        <h1>LabRelay</h1>
        <HealthBar />
        {signedIn && <LiveMark />}
        {signedIn && console.needsSignIn && (
          <div className="who">
            <span>
              {session.who.name} ({session.who.role})
            </span>
            <button type="button" onClick={() => void console.signOut()}>
              Sign out
            </button>
          </div>
        )}
      </header>
      <StaleNotice />
      {signedIn && <OpenBreakers />}
      <main className={(openLogId ?? openBulkId) && signedIn ? 'page with-log' : 'page'}>
        {session.state === 'in' && (
          <>
            <section className="logs" aria-labelledby="logs-heading">
              <h2 id="logs-heading">Logs</h2>
              <LogIdBox />
              <LogList />
            </section>
            {openLogId && <LogScene key={openLogId} logId={openLogId} />}
            {openBulkId && <BulkScene key={openBulkId} bulkRetryId={openBulkId} />}
          </>
        )}
        {session.state === 'out' && <SignIn farewell={session.message} />}
      </main>
    </>
  );
}

function StaleNotice() {
  const isStale = useConsoleState((state) => state.isStale);
  const reachedAt = useConsoleState((state) => state.reachedAt);
  if (!isStale) return null;
  return (
    <Notice kind="warning">
      LabRelay does not answer; trying again.{' '}
      {reachedAt === null ? (
        'Is it running?'
      ) : (
        <>
          What you see is as of <Time at={new Date(reachedAt).toISOString()} />.
        </>
      )}
    </Notice>
  );
}
