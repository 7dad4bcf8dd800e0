import type { LogSummaryDocument } from '../../../shared/contract/log-document.ts';
import { WORKER_NAME } from './outside-worker.ts';
import type { PartnerSeen } from './partner.ts';

/** What the demo shows of outside workers. */
export interface OutsideShown {
  /** Deliveries that the worker leased, sent and reported. */
  leased: number;
  /** Suppressed ones among them. */
  suppressed: number;
}

/**
 * Looks whether what is left to outside workers was made by the demo's own, and whether what an older
 * integration has told is kept where it belongs.
 */
export function judgeOutside(findings: {
  logs: readonly LogSummaryDocument[];
  workers: ReadonlyMap<string, string | null>;
  seen: Pick<PartnerSeen, 'notes'>;
  notes: readonly string[];
}): { shown: OutsideShown; faults: string[] } {
  const { logs, workers, seen, notes } = findings;
  const faults: string[] = [];
  const leased = logs.filter(({ log_id }) => workers.get(log_id) === WORKER_NAME);
  const others = workers.size - leased.length;
  if (others > 0) faults.push(`${others} deliveries of outside workers were made by another`);
  for (const { log_id, status } of seen.notes) {
    if (status !== 200)
      faults.push(`an older integration's report was answered ${status}, not 200`);
    else if (!notes.includes(log_id)) faults.push(`${log_id} has no note of what was reported`);
  }
  const suppressed = leased.filter(({ status }) => status === 'SUPPRESSED').length;
  return { shown: { leased: leased.length, suppressed }, faults };
}
