import type { LogDocument } from '../../../../shared/contract/log-document.ts';
import { retryInWords } from '../../../../shared/retry-words.ts';
import { Time } from '../../components/Time.tsx';
import { CERTAINTY_WORDS, STAGE_WORDS } from '../../words.ts';

interface Moment {
  /** Null: it is under way, or when it happened is not kept. */
  at: string | null;
  text: string;
}

/** The log's story in order: created, each attempt with its end, notes, and how far it has come. */
export function Timeline({ log }: { log: LogDocument }) {
  return (
    <ol className="timeline">
      {momentsOf(log).map((moment, index) => (
        // Moments have no identity of their own; they are only ever appended.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={index}>
          {moment.at ? <Time at={moment.at} /> : <span className="quiet">now</span>} {moment.text}
        </li>
      ))}
    </ol>
  );
}

function momentsOf(log: LogDocument): Moment[] {
  const told = [
    { at: log.created_at, text: 'Log created, before anything was sent.' },
    ...log.attempts.flatMap(momentsOfAttempt),
    ...log.activity.map((entry) => ({ at: entry.at, text: `${entry.actor}: ${entry.note}` })),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const running = log.attempts.find((attempt) => attempt.ended_at === null);
  return [
    ...told,
    ...(running
      ? [{ at: null, text: `Attempt ${running.attempt} is under way, no answer yet.` }]
      : [{ at: log.updated_at, text: `Stage reached: ${STAGE_WORDS[log.stage]}.` }]),
  ];
}

const KIND_WORDS = {
  FIRST: 'first',
  AUTO: 'automatic retry',
  MANUAL: 'started by an operator',
} as const;

function momentsOfAttempt(attempt: LogDocument['attempts'][number]) {
  const words = retryInWords(attempt);
  const retried = words === null ? '' : `. ${words}`;
  const started = {
    at: attempt.started_at,
    text:
      `Attempt ${attempt.attempt} (${KIND_WORDS[attempt.kind]}), revision ${attempt.revision}` +
      `${attempt.worker === null ? '' : `, by the outside worker ${attempt.worker}`}: ` +
      `${attempt.request_method ?? ''} ${attempt.end_point ?? ''}`.trim() +
      retried,
  };
  if (attempt.ended_at === null) return [started];
  const result = attempt.response_status_code ?? attempt.error_kind ?? 'ended';
  const duration = attempt.response_time === null ? '' : ` after ${attempt.response_time} ms`;
  const verdict = attempt.certainty ? ` ${CERTAINTY_WORDS[attempt.certainty]}` : '';
  return [
    started,
    {
      at: attempt.ended_at,
      text: `Attempt ${attempt.attempt} ended: ${result}${duration}.${verdict}`,
    },
  ];
}
