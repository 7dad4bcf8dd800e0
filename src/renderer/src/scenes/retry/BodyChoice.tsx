import type { Preview } from './RetryPanel.tsx';

export type ChosenBody = 'fresh' | 'stored' | 'edited';

interface BodyChoiceProps {
  preview: Preview;
  value: ChosenBody;
  onChange: (body: ChosenBody) => void;
}

/** Which bytes are to go. */
export function BodyChoice({ preview, value, onChange }: BodyChoiceProps) {
  const { now, last_sent: last } = preview;
  const choices: { body: ChosenBody; isPossible: boolean; words: string }[] = [
    { body: 'fresh', isPossible: now.outcome !== 'FAILED', words: freshWords(preview) },
    {
      body: 'stored',
      isPossible: last !== null,
      words: last ? `As it was sent last: revision ${last.revision}` : 'As it was sent last: never',
    },
    { body: 'edited', isPossible: true, words: 'Edited by you; the original stays as it is' },
  ];
  return (
    <fieldset>
      <legend>Which body is to go?</legend>
      {choices.map(({ body, isPossible, words }) => (
        <label key={body} className="check">
          <input
            type="radio"
            name="retry-body"
            disabled={!isPossible}
            checked={value === body}
            onChange={() => onChange(body)}
          />
          {words}
        </label>
      ))}
    </fieldset>
  );
}

function freshWords({ now, versions }: Preview): string {
  if (now.outcome === 'FAILED') return 'Built anew: not possible now';
  const made = now.outcome === 'SAME' ? 'the same bytes' : `revision ${now.revision}, changed`;
  const from =
    now.objects_from === 'SOURCE'
      ? ', from the lab’s own system'
      : now.objects_from === 'LOCAL'
        ? `, from our own copy${now.fallback === null ? '' : ` (${now.fallback})`}`
        : '';
  const version = versions.current === null ? '' : `, by version ${now.config_version} of the rule`;
  return `Built anew: ${made}${from}${version}`;
}
