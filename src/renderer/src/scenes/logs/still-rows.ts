import { useState } from 'react';
import type { LogSummaryDocument } from '../../../../shared/contract/log-document.ts';

/**
 * The rows to show. While `isHeld`, the rows that are shown keep their places, with fresh contents;
 * what arrives meanwhile is counted and waits for `letIn`, or for the hold to end.
 *
 * @param strays held rows that are not among the newest any more, as they stand now
 */
export function useStillRows(
  newest: LogSummaryDocument[],
  strays: LogSummaryDocument[],
  isHeld: boolean,
) {
  const [held, setHeld] = useState<LogSummaryDocument[] | null>(null);

  // State that follows from the inputs is set while rendering, not in an effect: the user never
  // sees a frame in which the rows have moved.
  if (isHeld && held === null) setHeld(newest);
  if (!isHeld && held !== null) setHeld(null);

  const shown = (isHeld && held) || newest;
  const fresh = new Map([...strays, ...newest].map((log) => [log.log_id, log]));
  const known = new Set(shown.map((log) => log.log_id));
  return {
    rows: shown.map((log) => fresh.get(log.log_id) ?? log),
    arrived: newest.filter((log) => !known.has(log.log_id)).length,
    letIn: () => setHeld(isHeld ? newest : null),
  };
}
