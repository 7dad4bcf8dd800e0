import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import type { LogRecord, LogSummary } from '../../../shared/model/delivery.ts';
import type { KeyWentOn } from '../../../shared/model/ordering.ts';
import type { ResolveLog, ResolveResult } from '../../../shared/model/resolution.ts';
import type { LogPage, LogSearch } from '../../../shared/model/search.ts';
import type { DirectoryPort } from './port.ts';

/** The integration directory: one document per delivery, found by `log_id`, closed by hand at need. */
export class Directory {
  readonly #store: DirectoryPort;
  readonly #clock: () => number;
  readonly #onResolved: (wentOn: KeyWentOn | null) => void;

  /** @param deps.onResolved told when a log was closed: others may have waited behind it */
  constructor(
    store: DirectoryPort,
    deps: { clock?: () => number; onResolved?: (wentOn: KeyWentOn | null) => void } = {},
  ) {
    this.#store = store;
    this.#clock = deps.clock ?? Date.now;
    this.#onResolved = deps.onResolved ?? (() => {});
  }

  /** @throws LabRelayError `UNKNOWN_LOG` */
  async getLog(logId: string): Promise<LogRecord> {
    const log = await this.#store.getLog(logId.toLowerCase());
    if (!log) throw unknownLog();
    return log;
  }

  /** Those of the logs that exist, in no promised order. */
  getLogs(logIds: readonly string[]): Promise<LogSummary[]> {
    return this.#store.logSummaries(logIds.map((logId) => logId.toLowerCase()));
  }

  searchLogs(search: LogSearch): Promise<LogPage> {
    return this.#store.searchLogs(search);
  }

  /**
   * Closes a log by hand. Its certainty stays as the outcome has left it.
   * @throws LabRelayError `UNKNOWN_LOG`, `ALREADY_DONE`, or `INVALID_INPUT` saying why it cannot be closed
   */
  async resolveLog(wish: Omit<ResolveLog, 'now'>): Promise<LogRecord> {
    const logId = wish.logId.toLowerCase();
    const result = await this.#store.resolveLog({ ...wish, logId, now: this.#clock() });
    if (result.outcome !== 'RESOLVED') throw refusal(result);
    this.#onResolved(result.wentOn);
    return this.getLog(logId);
  }
}

function refusal(result: Exclude<ResolveResult, { outcome: 'RESOLVED' }>): LabRelayError {
  switch (result.outcome) {
    case 'NOT_FOUND':
      return unknownLog();
    case 'CALL':
      return fieldError(
        'INVALID_INPUT',
        'log_id',
        'is a call into the lab, whose answer is its outcome; only a delivery is closed by hand',
      );
    case 'ALREADY_RESOLVED':
      return fieldError('ALREADY_DONE', 'log_id', 'was closed so already');
    case 'OPEN_TASK':
      return fieldError(
        'INVALID_INPUT',
        'log_id',
        'is still to be sent: it is under way, waits, is held or is to be tried again; let that end, or cancel it first (cancelRetry)',
      );
    case 'SETTLED': {
      const state = [result.status, result.certainty].filter(Boolean).join(', ');
      return fieldError(
        'INVALID_INPUT',
        'log_id',
        `is ${state}; only a log that is QUEUED, or FAIL with certainty UNKNOWN, is closed by hand`,
      );
    }
  }
}

function unknownLog(): LabRelayError {
  return new LabRelayError(
    'UNKNOWN_LOG',
    'No log has this log_id. Give it whole, or search by its first or last six characters.',
    [{ field: 'log_id', reason: 'is not known here' }],
  );
}
