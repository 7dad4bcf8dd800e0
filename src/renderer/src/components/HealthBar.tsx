import { useConsoleState } from '../app/context.ts';

/** The engine's health in a word, its checks behind a disclosure. */
export function HealthBar() {
  const health = useConsoleState((state) => state.health);
  const isStale = useConsoleState((state) => state.isStale);
  if (!health) return <p className="health quiet">{isStale ? 'Health: unknown' : 'Health: …'}</p>;

  const isOk = health.status === 'ok' && !isStale;
  const word = isStale ? 'unknown' : health.status;
  return (
    <details className="health">
      <summary>
        <span className={`badge badge-${isOk ? 'success' : isStale ? 'pending' : 'fail'}`}>
          <span aria-hidden="true">{isOk ? '✓' : isStale ? '○' : '⚠'}</span> Health: {word}
        </span>
      </summary>
      <ul className="checks">
        {health.checks.map((check) => (
          <li key={check.name}>
            <span aria-hidden="true">{check.ok ? '✓' : '✕'}</span> <strong>{check.name}</strong>{' '}
            {check.ok ? 'ok' : 'not ok'}: {check.detail}
          </li>
        ))}
        <li className="quiet">Version {health.version}</li>
      </ul>
    </details>
  );
}
