import type { ScheduleStep } from './retry.ts';

/** Where a round through open logs stands: among which, and behind which one. */
export interface StalledAfter {
  among: 'PENDING' | 'SCHEDULED' | 'RUNNING';
  /** Epoch milliseconds. */
  createdAt: number;
  logSeq: number;
}

/** Some open logs. */
export interface StalledPage {
  /** Those among them that have no task. */
  logSeqs: number[];
  /** Where the next ones begin; null: these were the last. */
  next: StalledAfter | null;
}

/** Logs for which a way on was found, and what became of their schedules. */
export interface StalledTaken {
  logIds: string[];
  retries: ScheduleStep[];
}
