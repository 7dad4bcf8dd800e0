import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { REVISION_WORDS } from '../../words.ts';
import type { BodyWish } from './wish.ts';

interface BodyChoiceProps {
  revisions: LogDocument['revisions'];
  /** The integration's version now; null: it is gone. */
  currentVersion: number | null;
  value: BodyWish;
  onChange: (wish: BodyWish) => void;
}

const CHOICES = {
  fresh: 'Built anew from current data',
  stored: 'As it is stored',
  edited: 'Edited by you; the original stays as it is',
} as const;

/** Which bytes are to go, and of which revision or version. */
export function BodyChoice({ revisions, currentVersion, value, onChange }: BodyChoiceProps) {
  const wishes: BodyWish[] = [
    { body: 'fresh', version: null },
    { body: 'stored', revision: null },
    { body: 'edited', text: null },
  ];
  const version = value.body === 'fresh' ? (value.version ?? currentVersion) : null;
  return (
    <fieldset>
      <legend>Which body is to go?</legend>
      {wishes.map((wish) => (
        <label key={wish.body} className="check">
          <input
            type="radio"
            name="retry-body"
            disabled={wish.body === 'stored' && revisions.length === 0}
            checked={value.body === wish.body}
            onChange={() => onChange(wish)}
          />
          {CHOICES[wish.body]}
        </label>
      ))}
      {version !== null && currentVersion !== null && currentVersion > 1 && (
        <p className="narrow">
          <label htmlFor="retry-version">Mapping of the integration’s version</label>
          <input
            id="retry-version"
            type="number"
            min={1}
            max={currentVersion}
            value={version}
            onChange={({ target }) => {
              if (target.value === '' || !target.validity.valid) return;
              const chosen = Number(target.value);
              onChange({ body: 'fresh', version: chosen === currentVersion ? null : chosen });
            }}
          />
          <span className="quiet">of {currentVersion}; address and credentials are today’s</span>
        </p>
      )}
      {value.body === 'stored' && revisions.length > 0 && (
        <p className="narrow">
          <label htmlFor="retry-revision">Revision</label>
          <select
            id="retry-revision"
            value={value.revision ?? ''}
            onChange={({ target }) =>
              onChange({
                body: 'stored',
                revision: target.value === '' ? null : Number(target.value),
              })
            }
          >
            <option value="">the one that was sent last</option>
            {revisions.map(({ revision, reason }) => (
              <option key={revision} value={revision}>
                {revision}, {REVISION_WORDS[reason]}
              </option>
            ))}
          </select>
        </p>
      )}
    </fieldset>
  );
}
