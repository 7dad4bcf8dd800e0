import { useState } from 'react';
import type { Breaker } from '../../app/state.ts';
import { useConsoleState, useIsOperator } from '../../app/context.ts';
import { Time } from '../../components/Time.tsx';
import { OPEN_WORDS } from '../../words.ts';
import { SetBreaker } from './SetBreaker.tsx';

/** As many are shown at once: a night's outage must leave room for the page. */
const AT_ONCE = 3;

/** Integrations of which nothing leaves but a probe now and then; above everything, while there are any. */
export function OpenBreakers() {
  const breakers = useConsoleState((state) => state.breakers);
  const open = breakers.filter(({ state }) => state === 'open');
  if (open.length === 0) return null;
  // Nobody else ends those that were stopped by hand: they come first.
  const sorted = open.toSorted((a, b) => Number(isByHand(b)) - Number(isByHand(a)));
  const rest = sorted.slice(AT_ONCE);
  return (
    <section className="breakers" aria-label="Integrations that are stopped">
      <OpenList breakers={sorted.slice(0, AT_ONCE)} />
      {rest.length > 0 && (
        <details>
          <summary>and {rest.length} more</summary>
          <OpenList breakers={rest} />
        </details>
      )}
    </section>
  );
}

function isByHand({ reason }: Breaker): boolean {
  return reason === 'BY_HAND';
}

function OpenList({ breakers }: { breakers: readonly Breaker[] }) {
  return (
    <ul>
      {breakers.map((breaker) => (
        <OpenBreaker key={breaker.lab_integration_id} breaker={breaker} />
      ))}
    </ul>
  );
}

function OpenBreaker({ breaker }: { breaker: Breaker }) {
  const isOperator = useIsOperator();
  const [isAsking, setAsking] = useState(false);
  const { lab_integration_id: id, name, reason, since, next_probe_at: probe, waiting } = breaker;
  return (
    <li>
      <p>
        <span aria-hidden="true">⚠</span> <strong>{name}</strong> (integration {id}):{' '}
        {reason === null ? 'stopped' : OPEN_WORDS[reason]}
        {breaker.opened_by && ` by ${breaker.opened_by}: ${breaker.note}`}
        {since && (
          <>
            , since <Time at={since} />
          </>
        )}
        . {waiting === 1 ? 'One delivery waits' : `${waiting} deliveries wait`}
        {probe && (
          <>
            ; the next probe goes at <Time at={probe} />
          </>
        )}
        .{' '}
        {isOperator && (
          <button type="button" aria-expanded={isAsking} onClick={() => setAsking(!isAsking)}>
            Close the breaker …
          </button>
        )}
      </p>
      {isAsking && (
        <SetBreaker labIntegrationId={id} state="closed" onDone={() => setAsking(false)} />
      )}
    </li>
  );
}
