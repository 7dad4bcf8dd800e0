import { addressOfLog } from '../../app/address.ts';
import type { BulkRetry, BulkRow } from '../../app/state.ts';
import { useConsole, useConsoleState } from '../../app/context.ts';
import { BULK_ROW_WORDS, STATUS_WORDS } from '../../words.ts';

/** What became of each of its logs. */
export function BulkRows({ bulk }: { bulk: BulkRetry }) {
  const console = useConsole();
  const rows = useConsoleState((state) => state.bulkRows);
  return (
    <>
      <h3>Its logs</h3>
      <p>
        <label htmlFor="bulk-rows">Show</label>{' '}
        <select
          id="bulk-rows"
          value={rows.state ?? ''}
          onChange={(event) =>
            void console.setBulkRows({
              state: event.target.value === '' ? null : (event.target.value as BulkRow['state']),
              pages: [],
            })
          }
        >
          <option value="">all</option>
          {Object.entries(BULK_ROW_WORDS).map(([state, word]) => (
            <option key={state} value={state}>
              {word}
            </option>
          ))}
        </select>
      </p>
      {bulk.items.length === 0 ? (
        <p className="quiet">None.</p>
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- to be scrolled by keyboard
        <div className="table" role="region" aria-label="Logs of the bulk retry" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">No.</th>
                <th scope="col">log_id</th>
                <th scope="col">State</th>
                <th scope="col">Outcome</th>
              </tr>
            </thead>
            <tbody>
              {bulk.items.map((row) => (
                <tr key={row.position}>
                  <td>{row.position}</td>
                  <td>
                    <a href={addressOfLog(row.log_id)} aria-label={`Open log ${row.log_id}`}>
                      <code>…{row.log_id.slice(-12)}</code>
                    </a>
                  </td>
                  <td>{BULK_ROW_WORDS[row.state]}</td>
                  <td>{outcomeOf(row)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {(rows.pages.length > 0 || bulk.next_cursor !== null) && (
        <p className="actions">
          <button
            type="button"
            disabled={rows.pages.length === 0}
            onClick={() => void console.setBulkRows({ ...rows, pages: rows.pages.slice(0, -1) })}
          >
            Previous page
          </button>
          <span>Page {rows.pages.length + 1}</span>
          <button
            type="button"
            disabled={bulk.next_cursor === null}
            onClick={() => {
              if (bulk.next_cursor === null) return;
              void console.setBulkRows({ ...rows, pages: [...rows.pages, bulk.next_cursor] });
            }}
          >
            Next page
          </button>
        </p>
      )}
    </>
  );
}

function outcomeOf({ outcome, sentence }: BulkRow): string {
  if (!outcome) return sentence ?? '–';
  const code = outcome.response_status_code ?? outcome.error_kind;
  return `${STATUS_WORDS[outcome.status].word}${code === null ? '' : `, ${code}`}`;
}
