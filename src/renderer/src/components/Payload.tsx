import { indented } from '../../../shared/indented.ts';

interface PayloadProps {
  /** Names the block for assistive technology, e.g. `Request body`. */
  label: string;
  text: string | null;
  /** Said where there is no text. */
  empty: string;
}

/** A body as people read it: JSON indented, anything else as it is. */
export function Payload({ label, text, empty }: PayloadProps) {
  if (!text) return <p className="quiet">{empty}</p>;
  return (
    // Focusable, so that a long body can be scrolled with the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className="payload" aria-label={label} role="region" tabIndex={0}>
      {indented(text)}
    </pre>
  );
}

/** Header fields behind a disclosure. */
export function Headers({ fields }: { fields: Record<string, string> | null }) {
  const entries = Object.entries(fields ?? {});
  if (entries.length === 0) return null;
  return (
    <details>
      <summary>Headers ({entries.length})</summary>
      <dl className="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
