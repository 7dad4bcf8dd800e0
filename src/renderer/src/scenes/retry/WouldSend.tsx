import { Payload } from '../../components/Payload.tsx';
import type { Preview } from './use-preview.ts';

/** What would be sent, in a sentence and, behind a disclosure, as it is. */
export function WouldSend({ preview: { now, masked } }: { preview: Preview }) {
  if (now.outcome === 'FAILED') return <p>It cannot be built: {now.message}</p>;
  return (
    <>
      <p>
        What would go: revision {now.revision}, {madeWords(now)}
        {fromWords(now)}
        {now.outcome === 'SAME'
          ? '; the same bytes as before, under their key.'
          : ', under its own key.'}
      </p>
      <details>
        <summary>The body that would go{masked && ' (values of patients masked)'}</summary>
        <Payload label="Body that would go" text={now.body} empty="An empty body." />
      </details>
    </>
  );
}

function madeWords({ made, config_version: version }: Preview['now']): string {
  switch (made) {
    case 'STORED':
      return 'as it is stored';
    case 'EDITED':
      return 'as you have edited it';
    case 'SAME':
    case 'CHANGED':
    case null:
      return `built anew by version ${version} of the integration`;
  }
}

function fromWords({ objects_from: from, fallback }: Preview['now']): string {
  if (from === null) return '';
  const where = from === 'SOURCE' ? 'the lab’s own system' : 'our own copy';
  return ` from ${where}${fallback === null ? '' : ` (${fallback})`}`;
}
