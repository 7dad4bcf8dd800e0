import { Notice } from '../../components/Notice.tsx';
import type { Preview } from './use-preview.ts';

const TERMS: Record<Preview['terms'], string> = {
  FREE: 'It may be sent again just so.',
  CONFIRM: 'The receiver has it and has not confirmed it yet: sending it again takes your word.',
  REASON: 'Sending it again takes a reason.',
  IMPOSSIBLE: 'It cannot be sent so just now.',
};

/** On what terms it may be sent, and what stands against it. */
export function Terms({ preview }: { preview: Preview }) {
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
