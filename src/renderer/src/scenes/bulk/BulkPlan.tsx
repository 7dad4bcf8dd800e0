import type { BulkRetry } from '../../app/state.ts';
import { CERTAINTY_WORDS } from '../../words.ts';

type Plan = NonNullable<BulkRetry['plan']>;

/** What was found when it was planned: how many of which kind, and which are refused and why. */
export function BulkPlan({ plan }: { plan: Plan }) {
  const rows = [
    ...plan.by_certainty.map((count) => ({
      ...count,
      kind: count.certainty ? CERTAINTY_WORDS[count.certainty] : 'No attempt was made yet.',
    })),
    ...plan.by_integration.map((count) => ({
      ...count,
      kind: `Integration ${count.lab_integration_id ?? '–'}`,
    })),
  ];
  return (
    <>
      <h3>The plan</h3>
      {plan.refused_by.length > 0 && (
        <ul>
          {plan.refused_by.map(({ verdict, sentence, count }) => (
            <li key={verdict}>
              {count} refused: {sentence}
            </li>
          ))}
        </ul>
      )}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- to be scrolled by keyboard */}
      <div className="table" role="region" aria-label="Plan" tabIndex={0}>
        <table>
          <caption>
            {plan.total} found, {plan.refused} refused
          </caption>
          <thead>
            <tr>
              <th scope="col">Logs</th>
              <th scope="col">Found</th>
              <th scope="col">Refused</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ kind, total, refused }) => (
              <tr key={kind}>
                <td>{kind}</td>
                <td>{total}</td>
                <td>{refused}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
