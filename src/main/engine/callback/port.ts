import type { AttemptReport, LogOrigin, ReportResult } from '../../../shared/model/delivery.ts';

/** What the callback handler needs of the store. */
export interface CallbackPort {
  /** Applies one report by the log's state machine; repeats change nothing. */
  report(report: AttemptReport): Promise<ReportResult>;
  /**
   * The rule that a log belongs to, for its certainty overrides, and where it said that reports go;
   * null where there is no such log.
   */
  originOfLog(logId: string): Promise<LogOrigin | null>;
}
