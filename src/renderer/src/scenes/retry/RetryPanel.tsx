import { useEffect, useRef, useState } from 'react';
import type { Output } from '../../../../shared/contract/index.ts';
import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import type { Asked, Loadable } from '../../app/state.ts';
import { useConsole } from '../../app/context.ts';
import { leaveOnEscape } from '../../app/keys.ts';
import { Notice } from '../../components/Notice.tsx';
import { Differences } from './Differences.tsx';
import { RetryForm } from './RetryForm.tsx';

export type Preview = Output<'previewRetry'>;

interface RetryPanelProps {
  log: LogDocument;
  /** @param message what came of it; null: the panel was left */
  onDone: (message: string | null) => void;
}

const TERMS: Record<Preview['terms'], string> = {
  FREE: 'It may be sent again just so.',
  CONFIRM: 'The receiver has it and has not confirmed it yet: sending it again takes your word.',
  REASON: 'Sending it again takes a reason.',
  IMPOSSIBLE: 'It cannot be sent again just now.',
};

/** What would be sent, how it differs from what was, and on what terms; then sends it. */
export function RetryPanel({ log, onDone }: RetryPanelProps) {
  const console = useConsole();
  const heading = useRef<HTMLHeadingElement>(null);
  const [preview, setPreview] = useState<Loadable<Preview>>({ state: 'loading' });
  const logId = log.log_id;

  const [lookedAt, setLookedAt] = useState(log.updated_at);

  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      const asked = await console.ask('previewRetry', { log_id: logId });
      if (isCurrent) setPreview(shownOf(asked));
    };
    void load();
    return () => {
      isCurrent = false;
    };
  }, [console, logId]);

  async function lookAgain(): Promise<void> {
    setLookedAt(log.updated_at);
    setPreview(shownOf(await console.ask('previewRetry', { log_id: logId })));
  }

  /** @returns why it was refused, or null */
  async function reveal(reason: string): Promise<string | null> {
    const asked = await console.ask('previewRetry', { log_id: logId, reveal: true, reason });
    if (!asked.ok) return asked.message;
    setPreview(shownOf(asked));
    return null;
  }

  useEffect(() => heading.current?.focus(), []);

  return (
    <div className="panel" onKeyDown={leaveOnEscape(() => onDone(null))} role="presentation">
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
              <button type="button" onClick={() => void lookAgain()}>
                Look again
              </button>
            </Notice>
          )}
          <Terms preview={preview.value} />
          <Differences preview={preview.value} />
          {preview.value.terms !== 'IMPOSSIBLE' && (
            <RetryForm preview={preview.value} reveal={reveal} onDone={onDone} />
          )}
        </>
      )}
    </div>
  );
}

function shownOf(asked: Asked<Preview>): Loadable<Preview> {
  return asked.ok
    ? { state: 'ready', value: asked.output }
    : { state: 'error', message: asked.message };
}

function Terms({ preview }: { preview: Preview }) {
  const { terms, obstacle_sentence: obstacle, doubts, may_hold: mayHold } = preview;
  return (
    <>
      <Notice kind={terms === 'FREE' ? 'info' : 'warning'}>
        {TERMS[terms]} {obstacle}
      </Notice>
      {doubts.length > 0 && (
        <ul>
          {doubts.map(({ doubt, sentence }) => (
            <li key={doubt}>{sentence}</li>
          ))}
        </ul>
      )}
      {mayHold.length > 0 && (
        <p>The receiver may hold revision {mayHold.join(', ')} of it already.</p>
      )}
    </>
  );
}
