import { madeInWords, objectsInWords } from '../../../../shared/retry-words.ts';
import { Payload } from '../../components/Payload.tsx';
import type { Preview } from './use-preview.ts';

/** What would be sent, in a sentence and, behind a disclosure, as it is. */
export function WouldSend({ preview: { now, masked } }: { preview: Preview }) {
  if (now.outcome === 'FAILED') return <p>It cannot be built: {now.message}</p>;
  return (
    <>
      <p>
        What would go: revision {now.revision}, {madeInWords(now)} {objectsInWords(now)}
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
