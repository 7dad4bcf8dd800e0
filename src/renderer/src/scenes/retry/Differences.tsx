import type { Preview } from './use-preview.ts';

const KINDS = { ADDED: 'added', REMOVED: 'removed', CHANGED: 'changed', MOVED: 'moved' } as const;

/** How what would be sent differs from what was sent last, place by place. */
export function Differences({ preview }: { preview: Preview }) {
  const { now, last_sent: last, differences, differences_total: total, masked } = preview;
  if (now.outcome === 'FAILED') return null;
  if (!last) return <p>Nothing of it was sent yet.</p>;
  if (now.outcome === 'SAME') return <p>It is the same, byte for byte, as what was sent last.</p>;
  if (total === 0) {
    return (
      <p>Only its spelling differs from what was sent last: spaces, or the order of fields.</p>
    );
  }
  return (
    // Focusable, so that a wide table can be scrolled with the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table" role="region" aria-label="Differences" tabIndex={0}>
      <table>
        <caption>
          {total === 1 ? 'One difference' : `${total} differences`} from what was sent last
          {differences.length < total && `, the first ${differences.length}`}
          {masked && '; values of patients are masked (••••)'}
        </caption>
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">What</th>
            <th scope="col">Sent last</th>
            <th scope="col">Now</th>
          </tr>
        </thead>
        <tbody>
          {differences.map(({ path, kind, before, after }) => (
            <tr key={`${kind} ${path}`}>
              <td>
                <code>{path === '' ? 'the whole body' : path}</code>
              </td>
              <td>{KINDS[kind]}</td>
              <td className="value">{kind === 'ADDED' ? '–' : words(before)}</td>
              <td className="value">{kind === 'REMOVED' ? '–' : words(after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
