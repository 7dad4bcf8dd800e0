import type { LogRecord, LogSummary } from '../../../shared/model/delivery.ts';
import type { ResolveLog, ResolveResult } from '../../../shared/model/resolution.ts';
import type { LogPage, LogSearch } from '../../../shared/model/search.ts';

/** What the integration directory needs of the store. */
export interface DirectoryPort {
  getLog(logId: string): Promise<LogRecord | null>;
  /** Those that exist, in no promised order. */
  logSummaries(logIds: readonly string[]): Promise<LogSummary[]>;
  /** @throws LabRelayError `INVALID_INPUT` for a cursor that is not one of ours. */
  searchLogs(search: LogSearch): Promise<LogPage>;
  /** Closes a log by hand, with its note, and lets go of what waited behind it. */
  resolveLog(command: ResolveLog): Promise<ResolveResult>;
  /**
   * Fills the text index for logs written or changed since the last call, a batch at a time.
   * @returns how many were indexed; 0: nothing is left.
   */
  indexText(limit: number): Promise<number>;
}
