import { useEffect, useRef, useState } from 'react';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { leaveOnEscape } from '../../app/keys.ts';
import { indented } from '../../../../shared/indented.ts';
import { Notice } from '../../components/Notice.tsx';
import { BodyChoice } from './BodyChoice.tsx';
import { Differences } from './Differences.tsx';
import { EditedBody } from './EditedBody.tsx';
import { SendForm } from './SendForm.tsx';
import { Terms } from './Terms.tsx';
import { type Preview, usePreview } from './use-preview.ts';
import type { BodyWish } from './wish.ts';
import { WouldSend } from './WouldSend.tsx';

interface RetryPanelProps {
  log: LogDocument;
  /** @param message what came of it; null: the panel was left */
  onDone: (message: string | null) => void;
}

/** What stands in the way of one body alone; another may still go. */
const OF_THE_BODY = new Set<Preview['obstacle']>(['NO_BODY', 'OBJECT_GONE', 'MAPPING_FAILED']);

/** Which body is to go, how it differs from what was sent, and on what terms; then sends it. */
export function RetryPanel({ log, onDone }: RetryPanelProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { preview, seen, isLooking, look, reveal } = usePreview(log.log_id);
  const [wish, setWish] = useState<BodyWish>(seen);
  const [lookedAt, setLookedAt] = useState(log.updated_at);
  const [refusal, setRefusal] = useState<string | null>(null);

  useEffect(() => heading.current?.focus(), []);

  async function lookAt(next: BodyWish): Promise<void> {
    setWish(next);
    setLookedAt(log.updated_at);
    setRefusal(await look(next));
  }

  function choose(next: BodyWish): void {
    // An edit begins with what was looked at last, and is looked at once it is written.
    if (next.body !== 'edited') return void lookAt(next);
    setWish(next);
    setRefusal(null);
  }

  function leave(): void {
    const isWritten = wish.body === 'edited' && wish.text !== null;
    if (isWritten && !window.confirm('Leave it? What you have edited is lost.')) return;
    onDone(null);
  }

  return (
    <div className="panel" onKeyDown={leaveOnEscape(leave)} role="presentation">
      <h3 ref={heading} tabIndex={-1}>
        Send it again
      </h3>
      {preview.state === 'loading' && <p role="status">Building what would be sent …</p>}
      {preview.state === 'error' && <Notice kind="error">{preview.message}</Notice>}
      {preview.state === 'ready' && (
        <>
          {lookedAt !== log.updated_at && (
            <Notice kind="warning">
              The log has changed since this was found out.{' '}
              <button type="button" onClick={() => void lookAt(seen)}>
                Look again
              </button>
            </Notice>
          )}
          {canBeChosen(preview.value) && (
            <BodyChoice
              revisions={log.revisions}
              currentVersion={preview.value.versions.current}
              value={wish}
              onChange={choose}
            />
          )}
          {wish.body === 'edited' && (
            <EditedBody
              value={wish.text ?? (preview.value.masked ? null : startOf(preview.value))}
              onChange={(text) => setWish({ body: 'edited', text })}
              reveal={(reason) => reveal(seen, reason)}
            />
          )}
          {wish.body === 'edited' && !preview.value.masked && (
            <p className="actions">
              <button
                type="button"
                className={isSame(wish, seen) ? undefined : 'primary'}
                onClick={() =>
                  void lookAt({ body: 'edited', text: wish.text ?? startOf(preview.value) })
                }
              >
                See what it changes
              </button>
            </p>
          )}
          {isSame(wish, seen) && (
            <>
              <Terms preview={preview.value} />
              <WouldSend preview={preview.value} />
              <Differences preview={preview.value} />
            </>
          )}
          {refusal && <Notice kind="error">{refusal}</Notice>}
          {isLooking && <p role="status">Building what would be sent …</p>}
          {isSame(wish, seen) && preview.value.terms !== 'IMPOSSIBLE' && (
            <SendForm
              preview={preview.value}
              wish={seen}
              isLooking={isLooking}
              onLookAgain={() => void lookAt(seen)}
              onDone={onDone}
            />
          )}
        </>
      )}
    </div>
  );
}

function canBeChosen({ obstacle }: Preview): boolean {
  return obstacle === null || OF_THE_BODY.has(obstacle);
}

/** What an edit begins with. */
function startOf({ now, last_sent: last }: Preview): string {
  return indented(now.body ?? last?.body ?? '');
}

function isSame(one: BodyWish, other: BodyWish): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
