import type { KeyWentOn } from './ordering.ts';
import type { Certainty, LogStatus, Resolution } from './vocabulary.ts';

/** An operator's word on a log that no signal settles. */
export interface ResolveLog {
  logId: string;
  resolution: Resolution;
  reason: string;
  actor: string;
  /** Epoch milliseconds. */
  now: number;
}

/** What became of it. */
export type ResolveResult =
  /** `wentOn`: what waited for this log and has become ready. */
  | { outcome: 'RESOLVED'; wentOn: KeyWentOn | null }
  | { outcome: 'NOT_FOUND' }
  /** It is a call into the lab: its answer is its outcome. */
  | { outcome: 'CALL' }
  /** The same was said before, and no signal has changed it since. */
  | { outcome: 'ALREADY_RESOLVED' }
  /** It is under way, waits or is held: its task must end first. */
  | { outcome: 'OPEN_TASK' }
  /** It is neither QUEUED nor in doubt. */
  | { outcome: 'SETTLED'; status: LogStatus; certainty: Certainty | null };
