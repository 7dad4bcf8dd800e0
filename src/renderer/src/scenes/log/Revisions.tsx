import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { Payload } from '../../components/Payload.tsx';
import { Time } from '../../components/Time.tsx';
import { REVISION_WORDS } from '../../words.ts';

/** Every distinct body of the log, with the key under which the receiver got it. */
export function Revisions({ revisions }: { revisions: LogDocument['revisions'] }) {
  if (revisions.length === 0) return <p className="quiet">None: no body was built.</p>;
  return (
    <ol className="revisions">
      {revisions.map((revision) => (
        <li key={revision.revision}>
          <details>
            <summary>
              Revision {revision.revision}, {REVISION_WORDS[revision.reason]},{' '}
              <Time at={revision.created_at} />
            </summary>
            <dl className="facts">
              <div>
                <dt>Key at the receiver</dt>
                <dd>
                  <code>{revision.key}</code>
                </dd>
              </div>
              <div>
                <dt>SHA-256</dt>
                <dd>
                  <code>{revision.sha256}</code>
                </dd>
              </div>
              <div>
                <dt>Built with</dt>
                <dd>version {revision.config_version} of the integration</dd>
              </div>
            </dl>
            <Payload
              label={`Body of revision ${revision.revision}`}
              text={revision.body}
              empty="An empty body."
            />
          </details>
        </li>
      ))}
    </ol>
  );
}
