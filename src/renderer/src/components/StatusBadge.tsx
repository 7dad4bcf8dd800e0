import type { LogStatus } from '../../../shared/model/vocabulary.ts';
import { STATUS_WORDS } from '../words.ts';

/** A log's status as icon and word; the colour only repeats them. */
export function StatusBadge({ status }: { status: LogStatus }) {
  const { icon, word, meaning } = STATUS_WORDS[status];
  return (
    <span className={`badge badge-${status.toLowerCase()}`} title={meaning}>
      <span aria-hidden="true">{icon}</span> {word}
    </span>
  );
}
